import { createHmac, randomUUID } from 'node:crypto';
import { send } from './api';

export interface Sent {
  deliveryId: string;
  alerts: string[];
  duplicate: boolean;
}

/** Posts a body to a generic source, signed as Standard Webhooks wants it (https://www.standardwebhooks.com/). */
export function postAlert(
  source: string,
  secret: string,
  body: string,
  id = `msg_${randomUUID()}`,
): Promise<Sent> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return send<Sent>('POST', `/hooks/${source}`, Buffer.from(body), {
    'Content-Type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  });
}
