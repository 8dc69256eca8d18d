import { plain, plainJson } from '../../cli/plain-text';

const HOSTILE = 'a\u001b[2Jb\u009b31mc\u202egnp.exe\u2066d\u200be\nf\rg\u2028h\u0007\u{e0041}';

test('what could steer a terminal or hide text is replaced, the rest stays', () => {
  expect(plain(HOSTILE)).toBe(
    'a\ufffd[2Jb\ufffd31mc\ufffdgnp.exe\ufffdd\ufffde\ufffdf\ufffdg\ufffdh\ufffd\ufffd',
  );
  expect(plain('Grüße, 日本語, مرحبا, 👍🏽')).toBe('Grüße, 日本語, مرحبا, 👍🏽');
});

test('JSON keeps the value and escapes what could steer a terminal', () => {
  for (const indent of [undefined, 2]) {
    const text = plainJson({ [HOSTILE]: [HOSTILE] }, indent);
    expect(text.replace(/\n/g, '')).toBe(plain(text.replace(/\n/g, '')));
    expect(JSON.parse(text)).toEqual({ [HOSTILE]: [HOSTILE] });
  }
});
