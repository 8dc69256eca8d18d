import { z } from 'zod';
import type { ActionId } from '../../contracts/actions';
import { Config, type ConfigInput } from '../../contracts/config';
import { CordonError } from '../../contracts/errors';
import { defineIntegration, type Handler, type Integration, type Probe } from '../../contracts/integration';
import { DEFAULT_POLICY } from '../../contracts/policy';
import type { HostRef, JsonObject } from '../../contracts/values';

/** A product with state that counts every state change it applies, and fails on demand. */
export class FakeEstate {
  readonly isolated = new Set<string>();
  readonly applied: string[] = [];
  readonly calls: string[] = [];
  /** Taken from the front, one a call of `act`. */
  faults: ('lost_reply' | 'refused' | 'offline' | 'ignored')[] = [];
  scan: { clean: boolean } = { clean: true };

  #act(name: string, host: HostRef, apply: () => void): void {
    const fault = this.faults.shift();
    this.calls.push(`${name} ${host.name}`);
    if (fault === 'refused') throw new CordonError('rejected', 'no');
    if (fault === 'offline') throw new CordonError('unavailable', 'it is offline');
    if (fault !== 'ignored') {
      apply();
      this.applied.push(`${name} ${host.name}`);
    }
    if (fault === 'lost_reply')
      throw new CordonError('timeout', 'the reply was lost', { maybeApplied: true });
  }

  integration(): Integration {
    const probe =
      (wanted: boolean) =>
      (input: { host: HostRef }): Promise<Probe> => {
        const inForce = this.isolated.has(input.host.name) === wanted;
        return Promise.resolve({ inForce, state: { isolated: this.isolated.has(input.host.name) } });
      };
    const isolate: Handler<'endpoint.isolate_host'> = {
      permissions: [],
      probe: probe(true),
      act: ({ host }) => {
        this.#act('isolate', host, () => this.isolated.add(host.name));
        return Promise.resolve({ status: 'done', output: { host, token: 'fake' } });
      },
      output: ({ host }) => ({ host, token: 'recovered' }),
    };
    const release: Handler<'endpoint.release_host'> = {
      permissions: [],
      probe: probe(false),
      act: ({ host }) => {
        this.#act('release', host, () => this.isolated.delete(host.name));
        return Promise.resolve({ status: 'done', output: { host } });
      },
      output: ({ host }) => ({ host }),
    };
    const scanAv: Handler<'endpoint.scan_av'> = {
      permissions: [],
      act: ({ host }) =>
        Promise.resolve({
          status: 'done',
          output: { host, clean: this.scan.clean, findings: [], errors: [], engine: 'fake' },
        }),
    };
    const handlers = {
      'endpoint.isolate_host': isolate,
      'endpoint.release_host': release,
      'endpoint.scan_av': scanAv,
    };
    return defineIntegration({
      id: 'fake',
      title: 'Fake estate',
      docs: 'https://example.com/',
      simulated: false,
      config: z.object({}),
      actions: Object.keys(handlers) as ActionId[],
      connect: () => ({
        handlers,
        check: () => Promise.resolve({ ok: true, detail: 'fake' }),
        close: () => Promise.resolve(),
      }),
    });
  }
}

/** A configuration with the fake as its only connection. */
export function fakeConfig(extra: Partial<ConfigInput> = {}): Config {
  return Config.parse({ connections: [{ id: 'edr', use: 'fake' }], policy: DEFAULT_POLICY, ...extra });
}

export const hostInput = (name: string): JsonObject => ({ host: { name } });
