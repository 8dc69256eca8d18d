import { readFileSync } from 'node:fs';
import type { Json } from '../contracts/values';
import { ApiError } from './api';

/** The content of an alert file. Throws an ApiError that names the option. */
export function alertIn(file: string): Json {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ApiError(`--alert: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? '?'}).`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new ApiError(`--alert: ${file} is not JSON.`);
  }
}
