import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { BadEnvironment } from '../../temporal-config/env';
import { encryptingCodec, readPayloadKeys } from '../../temporal-config/payload-codec';

const keysOf = (...ids: string[]): string =>
  ids.map((id) => `${id}:${randomBytes(32).toString('base64')}`).join(',');
const codecOf = (text: string): ReturnType<typeof encryptingCodec> => {
  const keys = readPayloadKeys({ CORDON_PAYLOAD_KEYS: text });
  if (keys === undefined) throw new Error('no keys');
  return encryptingCodec(keys);
};
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload<unknown>(value);
const valueOf = (payload: Payload | undefined): unknown =>
  payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);

test('whatever goes in comes out, and nothing of it can be read on the way', async () => {
  const codec = codecOf(keysOf('k1'));
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 8 }), async (text) => {
      const [sealed] = await codec.encode([payloadOf({ text })]);
      expect(Buffer.from(sealed?.data ?? []).includes(Buffer.from(JSON.stringify(text)))).toBe(false);
      const [opened] = await codec.decode(sealed === undefined ? [] : [sealed]);
      expect(valueOf(opened)).toEqual({ text });
    }),
  );
});

test('a rotated key still reads, the newest writes, and a missing one is named', async () => {
  const old = keysOf('k1');
  const rotated = `${keysOf('k2')},${old}`;
  const before = await codecOf(old).encode([payloadOf('before')]);
  expect(valueOf((await codecOf(rotated).decode(before))[0])).toBe('before');
  const after = await codecOf(rotated).encode([payloadOf('after')]);
  await expect(codecOf(old).decode(after)).rejects.toThrow('the key k2');
});

test('what was stored in the clear before is still read', async () => {
  expect(valueOf((await codecOf(keysOf('k1')).decode([payloadOf('clear')]))[0])).toBe('clear');
});

test('an altered payload, or one under another key id, is refused', async () => {
  const codec = codecOf(keysOf('k1', 'k2'));
  const [sealed] = await codec.encode([payloadOf('contained')]);
  const data = Buffer.from(sealed?.data ?? []);
  data[20] = (data[20] ?? 0) ^ 1;
  await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow();
  const metadata = { ...sealed?.metadata, 'encryption-key-id': Buffer.from('k2') };
  await expect(codec.decode([{ ...sealed, metadata }])).rejects.toThrow();
});

test.each([
  ['no id', randomBytes(32).toString('base64')],
  ['a short key', `k1:${randomBytes(16).toString('base64')}`],
  ['an id twice', keysOf('k1', 'k1')],
])('%s is refused with the fix, and the key is not in the message', (_what, text) => {
  const read = (): unknown => readPayloadKeys({ CORDON_PAYLOAD_KEYS: text });
  expect(read).toThrow(BadEnvironment);
  expect(read).toThrow('CORDON_PAYLOAD_KEYS');
  try {
    read();
  } catch (error) {
    expect(String(error)).not.toContain(text.split(':').at(-1));
  }
});

test('without the variable nothing is encrypted', () => {
  expect(readPayloadKeys({})).toBeUndefined();
});
