import type { Connection } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributeType } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { RETENTION_DAYS } from './timeouts';

/** Not encrypted by any codec: no names of victims in them. */
export const SEARCH_ATTRIBUTES = {
  incident: defineSearchAttributeKey('CordonIncident', 'KEYWORD'),
  playbook: defineSearchAttributeKey('CordonPlaybook', 'KEYWORD'),
  severity: defineSearchAttributeKey('CordonSeverity', 'INT'),
  phase: defineSearchAttributeKey('CordonPhase', 'KEYWORD'),
  mode: defineSearchAttributeKey('CordonMode', 'KEYWORD'),
} as const;

const { IndexedValueType } = temporal.api.enums.v1;
const WIRE_TYPE: Partial<Record<SearchAttributeType, number>> = {
  KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
};
const ALREADY_EXISTS = 6;

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/** Makes the namespace and its search attributes where they are missing. Safe to repeat, and from several processes at once. */
export async function setUpNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: (RETENTION_DAYS * 24 * 3600) as never },
    });
  } catch (error) {
    if (codeOf(error) !== ALREADY_EXISTS) throw error;
  }
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES).filter((key) => customAttributes[key.name] === undefined);
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map((key) => [key.name, WIRE_TYPE[key.type] ?? 0]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (codeOf(error) !== ALREADY_EXISTS) throw error;
  }
}
