import type { Source } from '../contracts/source';
import { alertmanager } from './alertmanager';
import { generic } from './generic';
import { suricata } from './suricata';
import { wazuh } from './wazuh';

/** Every product that can send alerts, by its id. */
export const SOURCES: ReadonlyMap<string, Source> = new Map(
  [generic, wazuh, suricata, alertmanager].map((source): [string, Source] => [source.id, source as Source]),
);
