import { shortName } from '../../contracts/assets';
import { CordonError } from '../../contracts/errors';
import type { HostRef } from '../../contracts/values';
import { segment, type HttpClient } from '../kit/http';
import { DeviceAction, DeviceFile, DeviceList, type Device } from './schemas';

/** Calls of the simulated EDR. */
export class EdrClient {
  constructor(private readonly http: HttpClient) {}

  /** The one device that a reference means. */
  async find(host: HostRef, signal: AbortSignal): Promise<Device> {
    const hostname = shortName(host.name);
    const { devices } = await this.http.call({
      method: 'GET',
      path: '/api/v1/devices',
      query: { hostname },
      reply: DeviceList,
      signal,
      what: `find ${hostname}`,
    });
    const [first, second] = devices;
    if (first === undefined) throw new CordonError('not_found', `simulated EDR: no device named ${hostname}`);
    if (second !== undefined)
      throw new CordonError('rejected', `simulated EDR: more than one device is named ${hostname}`);
    return first;
  }

  /** Every device that is isolated. */
  async isolated(signal: AbortSignal): Promise<Device[]> {
    const { devices } = await this.http.call({
      method: 'GET',
      path: '/api/v1/devices',
      query: { isolated: true },
      reply: DeviceList,
      signal,
      what: 'list the isolated devices',
    });
    return devices;
  }

  /** Tells a device to do something; answers the action, done or pending. */
  tell(
    device: Device,
    kind: DeviceAction['kind'],
    body: object,
    call: { signal: AbortSignal; changesNothing?: boolean },
  ): Promise<DeviceAction> {
    return this.http.call({
      method: 'POST',
      path: `/api/v1/devices/${segment(device.id)}/${kind}`,
      body,
      reply: DeviceAction,
      what: `${kind} ${device.hostname}`,
      ...call,
    });
  }

  action(id: string, signal: AbortSignal): Promise<DeviceAction> {
    return this.http.call({
      method: 'GET',
      path: `/api/v1/actions/${segment(id)}`,
      reply: DeviceAction,
      signal,
      what: 'read an action',
    });
  }

  file(device: Device, path: string, signal: AbortSignal): Promise<DeviceFile> {
    return this.http.call({
      method: 'GET',
      path: `/api/v1/devices/${segment(device.id)}/file`,
      query: { path },
      reply: DeviceFile,
      signal,
      what: `look up a file on ${device.hostname}`,
    });
  }
}
