import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { BadEnvironment } from './env';

const ENCODING = 'binary/encrypted';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const { Payload: PayloadMessage } = temporal.api.common.v1;
const utf8 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

/** Key id → AES-256 key; the first encrypts, all of them decrypt, so that keys can be rotated. */
export type PayloadKeys = ReadonlyMap<string, Uint8Array>;

/**
 * Reads CORDON_PAYLOAD_KEYS: `id:base64` of 32 bytes, several with commas between, the newest first.
 * Undefined where it is not set. Throws BadEnvironment with the fix, never with the key.
 */
export function readPayloadKeys(env: NodeJS.ProcessEnv = process.env): PayloadKeys | undefined {
  const text = env['CORDON_PAYLOAD_KEYS'];
  if (text === undefined || text.trim() === '') return undefined;
  const keys = new Map<string, Uint8Array>();
  for (const [index, part] of text.split(',').entries()) {
    const [, id, encoded] = /^\s*([A-Za-z0-9_-]{1,64}):([A-Za-z0-9+/]+=*)\s*$/.exec(part) ?? [];
    const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
    if (id === undefined || key?.length !== KEY_BYTES)
      throw new BadEnvironment(
        `CORDON_PAYLOAD_KEYS: entry ${String(index + 1)} is not id:base64 of 32 bytes. Make one with: openssl rand -base64 32`,
      );
    if (keys.has(id)) throw new BadEnvironment(`CORDON_PAYLOAD_KEYS: the id ${id} occurs twice.`);
    keys.set(id, key);
  }
  return keys;
}

/**
 * Encrypts what Temporal stores (alerts, results, failures of a run) with AES-256-GCM before it leaves this process.
 * What was written before encryption was switched on is still read.
 * https://docs.temporal.io/payload-codec
 */
export function encryptingCodec(keys: PayloadKeys): PayloadCodec {
  const [newest] = keys;
  if (newest === undefined) throw new TypeError('encryptingCodec needs a key');
  const [keyId, key] = newest;
  return {
    // In a then, so that what cannot be decrypted rejects and does not throw.
    encode: (payloads) => Promise.resolve(payloads).then((all) => all.map((one) => encrypt(one, keyId, key))),
    decode: (payloads) => Promise.resolve(payloads).then((all) => all.map((one) => decrypt(one, keys))),
  };
}

function encrypt(payload: Payload, keyId: string, key: Uint8Array): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(keyId));
  const sealed = Buffer.concat([
    nonce,
    cipher.update(PayloadMessage.encode(payload).finish()),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return {
    metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(keyId) },
    data: sealed,
  };
}

function decrypt(payload: Payload, keys: PayloadKeys): Payload {
  if (utf8(payload.metadata?.['encoding']) !== ENCODING) return payload;
  const keyId = utf8(payload.metadata?.['encryption-key-id']);
  const key = keys.get(keyId);
  if (key === undefined)
    throw new Error(
      `A payload in Temporal is encrypted with the key ${keyId}: add it to CORDON_PAYLOAD_KEYS, after the newest.`,
    );
  const sealed = Buffer.from(payload.data ?? []);
  const opened = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(keyId))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = Buffer.concat([opened.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), opened.final()]);
  return PayloadMessage.decode(plain);
}

/** The data converter of client and worker alike; Temporal's own unless CORDON_PAYLOAD_KEYS is set. */
export function dataConverter(env: NodeJS.ProcessEnv = process.env): DataConverter {
  const keys = readPayloadKeys(env);
  return keys === undefined ? {} : { payloadCodecs: [encryptingCodec(keys)] };
}
