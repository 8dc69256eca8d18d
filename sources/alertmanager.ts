import { z } from 'zod';
import { Alert, CATEGORIES } from '../contracts/alert';
import { defineSource } from '../contracts/source';
import { verifyBearerOrBasic } from './kit/authentication';
import { categoryOfTechniques } from './kit/category';
import {
  alertKey,
  clip,
  compact,
  hostOf,
  linkOf,
  mergeHosts,
  nameOf,
  stableId,
  techniquesOf,
  VendorTime,
} from './kit/normalise';
import { severityFromWord } from './kit/severity';

const Labels = z.record(z.string(), z.string()).default({});
const Firing = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: Labels,
  annotations: Labels,
  startsAt: VendorTime,
  generatorURL: z.string().optional(),
  fingerprint: z.string().min(1).optional(),
});
type Firing = z.output<typeof Firing>;

const Settings = z
  .object({
    /** User name of basic authentication; the secret is the password. */
    username: z.string().min(1).default('cordon'),
    /** The first of these labels that an alert has names its host. */
    hostLabels: z.array(z.string()).default(['host', 'hostname', 'nodename', 'node', 'instance']),
  })
  .strict();

/** Targets are written `name:port`, `[address]:port`, or as the URL that a black-box probe asks for. */
function withoutPort(target: string): string {
  const authority = target.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').split('/')[0] ?? '';
  return /^\[([^\]]*)\]/.exec(authority)?.[1] ?? authority.replace(/^([^:]*):\d+$/, '$1');
}

function toAlert(given: Firing, sourceId: string, hostLabels: readonly string[]): Alert {
  const { annotations, labels } = given;
  const name = nameOf(labels['alertname'], 1000);
  const host = hostLabels.map((label) => labels[label]).find((value) => nameOf(value) !== undefined);
  const techniques = techniquesOf((labels['technique'] ?? '').split(/[\s,]+/));
  const category = z.enum(CATEGORIES).safeParse(labels['category']);
  const details = nameOf(annotations['description'], 10_000);
  const identity = given.fingerprint ?? stableId(Object.entries(labels).sort());
  return Alert.parse({
    // The fingerprint is that of the labels: the same next month. With its start it is one firing and its end.
    alertKey: alertKey(sourceId, `${identity}@${given.startsAt}`),
    source: sourceId,
    product: 'Alertmanager',
    title: nameOf(annotations['summary'], 1000) ?? name ?? 'Alert without a name',
    description: details === undefined ? undefined : clip(details, 10_000),
    severity: severityFromWord(labels['severity'] ?? '') ?? 3,
    category: category.data ?? categoryOfTechniques(techniques) ?? 'availability',
    techniques,
    occurredAt: given.startsAt,
    rule: name === undefined ? undefined : compact({ id: clip(name, 255), name }),
    link: linkOf(given.generatorURL),
    entities: { hosts: mergeHosts([hostOf(host === undefined ? undefined : withoutPort(host))]) },
    resolved: given.status === 'resolved',
  });
}

/** Prometheus Alertmanager's webhook receiver, version 4 of its body. */
export const alertmanager = defineSource({
  id: 'alertmanager',
  title: 'Prometheus Alertmanager',
  docs: 'https://prometheus.io/docs/alerting/latest/configuration/#webhook_config',
  config: Settings,
  authenticate: (request, secrets, config) => verifyBearerOrBasic(request, secrets, config.username),
  parse(body, _request, sourceId, { hostLabels }) {
    const { alerts } = z.object({ alerts: z.array(Firing) }).parse(body);
    return { alerts: alerts.map((one) => toAlert(one, sourceId, hostLabels)) };
  },
});
