import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Config } from '../../contracts/config';
import { CordonError } from '../../contracts/errors';
import { playbookRef } from '../../contracts/plan';
import type { Json } from '../../contracts/values';
import { SOURCES } from '../../sources';
import { alertsOf } from '../../sources/alerts-of';

type Drill = Config['drills'][number];

/** The text of a file as JSON; throws a CordonError that names it. */
function readAlert(file: string): Json {
  if (!existsSync(file)) throw new CordonError('invalid_input', `alertFile: the file ${file} does not exist`);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Json;
  } catch {
    throw new CordonError('invalid_input', `alertFile: ${file} is not JSON`);
  }
}

/**
 * The drills with their alert read and the version of their playbook, beside what is wrong with them, each with the drill and the field.
 * Paths are beside the configuration's file.
 */
export function resolveDrills(
  { drills, people, sources }: Pick<Config, 'drills' | 'people' | 'sources'>,
  file: string,
  playbooks: readonly { readonly id: string; readonly version: number }[],
): { drills: Drill[]; mistakes: string[] } {
  const mistakes: string[] = [];
  const resolved = drills.map((drill): Drill => {
    const { id, alertFile, source, startedBy } = drill;
    const note = (mistake: string): void => {
      mistakes.push(`drills (${id}): ${mistake}`);
    };
    if (startedBy !== undefined && !people.some((one) => one.id === startedBy))
      note(`startedBy: there is no person "${startedBy}"`);
    let { playbook, alert } = drill;
    try {
      playbook = playbookRef(playbook, playbooks);
    } catch (error) {
      if (!(error instanceof CordonError)) throw error;
      note(error.message);
    }
    try {
      alert ??= readAlert(resolve(dirname(file), alertFile ?? ''));
      alertsOf({ alert, source }, sources, SOURCES, Date.now());
    } catch (error) {
      if (error instanceof z.ZodError)
        for (const issue of error.issues) note(`${issue.path.join('.')}: ${issue.message}`);
      else if (error instanceof CordonError) note(error.message);
      else throw error;
    }
    return { ...drill, playbook, alert };
  });
  return { drills: resolved, mistakes };
}
