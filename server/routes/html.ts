import { escapeHtml } from '../../contracts/plain-text';

/** Text that is HTML already. Only `html` makes it. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = string | number | Html | readonly Html[];

const textOf = (part: Part): string => {
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escapeHtml(String(part));
};

/** HTML with its values escaped: alerts carry text that an attacker wrote. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(
    strings.map((one, index) => one + (index < parts.length ? textOf(parts[index] ?? '') : '')).join(''),
  );
}

export const NOTHING = new Html('');

/** A whole page. */
export function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        ${body}
      </body>
    </html>`.text;
}

/** A table with a head; says so when there is nothing in it. */
export function table(head: readonly string[], rows: readonly (readonly Part[])[]): Html {
  if (rows.length === 0) return html`<p>Nothing.</p>`;
  return html`<table>
    <tr>
      ${head.map((cell) => html`<th>${cell}</th>`)}
    </tr>
    ${rows.map(
      (cells) =>
        html`<tr>
          ${cells.map((cell) => html`<td>${cell}</td>`)}
        </tr>`,
    )}
  </table>`;
}

export const STYLE = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left;vertical-align:top}
code{word-break:break-all}section{border:1px solid #999;padding:1rem;margin:1rem 0}.simulated{background:#ffc;color:#000}
.alarm{background:#b00;color:#fff;padding:.5rem}button{font:inherit;padding:.3rem 1rem;margin-right:.5rem}
`;
