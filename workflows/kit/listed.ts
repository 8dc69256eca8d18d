/** The names in an answer that lists them, separated by commas, semicolons or lines; each once. */
export function listed(text: string | undefined): string[] {
  const names = (text ?? '').split(/[,;\n]/).map((name) => name.trim());
  return [...new Set(names)].filter((name) => name !== '').slice(0, 1000);
}
