import { z } from 'zod';
import { Alert } from '../contracts/alert';
import { defineSource } from '../contracts/source';
import { Cidr, PRIVATE_NETWORKS, sortAddresses } from './kit/addresses';
import { verifyBearer } from './kit/authentication';
import { categoryOfTechniques, categoryOfWords } from './kit/category';
import {
  alertKey,
  clip,
  compact,
  mergeHosts,
  nameOf,
  sha256Of,
  stableId,
  techniquesOf,
  unique,
  VendorTime,
} from './kit/normalise';
import { severityFromSuricata } from './kit/severity';

const text = z.string().optional();
const number = z.number().optional();

const EveAlert = z.object({
  timestamp: VendorTime,
  flow_id: z.union([z.number(), z.string()]).optional(),
  src_ip: text,
  src_port: number,
  dest_ip: text,
  dest_port: number,
  proto: text,
  app_proto: text,
  alert: z.object({
    action: text,
    gid: number,
    signature_id: z.number(),
    signature: z.string().default(''),
    category: z.string().default(''),
    severity: z.number().default(3),
    metadata: z.object({ mitre_technique_id: z.array(z.string()).default([]) }).optional(),
  }),
  http: z.object({ hostname: text, url: text }).optional(),
  tls: z.object({ sni: text }).optional(),
  dns: z
    .object({
      rrname: text,
      query: z.array(z.object({ rrname: text })).optional(),
      // Suricata 8 says `queries`.
      queries: z.array(z.object({ rrname: text })).optional(),
    })
    .optional(),
  fileinfo: z.object({ filename: text, sha256: text }).optional(),
});
type EveAlert = z.output<typeof EveAlert>;

const CATEGORIES = [
  [/ransom/i, 'ransomware'],
  [/command and control|domain observed used for c2/i, 'command_and_control'],
  [/trojan|malware|crypto currency|exploit kit/i, 'malware'],
  [/web application/i, 'web_attack'],
  [/credential|user privilege|administrator privilege|default username/i, 'credential_attack'],
  [/social engineering|phish/i, 'phishing'],
  [/denial of service/i, 'availability'],
  [/policy|privacy violation/i, 'policy'],
] as const;

/** Events of a body: one object, an array, or text with one JSON object a line, as shippers forward `eve.json`. */
function eventsOf(body: unknown): unknown[] {
  if (Array.isArray(body)) return body;
  if (typeof body !== 'string') return [body];
  return body
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        // The parser's own message quotes the line; the number is enough to find it.
        throw new z.ZodError([
          { code: 'custom', path: [index], message: 'expected one JSON object a line', input: undefined },
        ]);
      }
    });
}

/** Parses one event of several: an error's path begins with the event's position in the delivery. */
function named<T extends z.ZodType>(schema: T, event: unknown, at: readonly number[]): z.output<T> {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  throw new z.ZodError(parsed.error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] })));
}

function toAlert(given: EveAlert, sourceId: string, homeNetworks: readonly string[]): Alert {
  const { alert, dns, fileinfo, http } = given;
  const techniques = techniquesOf(alert.metadata?.mitre_technique_id ?? []);
  const addresses = sortAddresses([given.src_ip, given.dest_ip], homeNetworks);
  const domains = [
    http?.hostname,
    given.tls?.sni,
    dns?.rrname,
    ...[...(dns?.query ?? []), ...(dns?.queries ?? [])].map((query) => query.rrname),
  ];
  const file = compact({ name: nameOf(fileinfo?.filename, 1024), sha256: sha256Of(fileinfo?.sha256) });
  const id = stableId(
    ...[given.timestamp, given.flow_id, alert.gid, alert.signature_id],
    ...[given.src_ip, given.src_port, given.dest_ip, given.dest_port, given.proto],
  );
  const flow = `${given.src_ip ?? '?'}:${given.src_port ?? 0} to ${given.dest_ip ?? '?'}:${given.dest_port ?? 0}`;
  const description = `${alert.category} · ${flow} ${given.app_proto ?? given.proto ?? ''} · ${alert.action ?? 'seen'}`;
  return Alert.parse({
    alertKey: alertKey(sourceId, id),
    source: sourceId,
    product: 'Suricata',
    title: nameOf(alert.signature, 1000) ?? `Suricata signature ${alert.signature_id}`,
    description: clip(description, 10_000),
    severity: severityFromSuricata(Math.round(alert.severity)),
    category: categoryOfTechniques(techniques) ?? categoryOfWords([alert.category], CATEGORIES) ?? 'other',
    techniques,
    occurredAt: given.timestamp,
    rule: compact({ id: String(alert.signature_id), name: nameOf(alert.signature, 1000) }),
    entities: {
      hosts: mergeHosts(addresses.hosts),
      ips: addresses.ips,
      files: Object.keys(file).length === 0 ? [] : [file],
      domains: unique(domains.map((domain) => nameOf(domain)?.toLowerCase())),
      urls: unique([
        http?.hostname && http.url ? nameOf(`http://${http.hostname}${http.url}`, 4096) : undefined,
      ]),
    },
  });
}

/** Suricata's EVE log, forwarded by a shipper such as Vector or Fluent Bit. Only `alert` events are alerts. */
export const suricata = defineSource({
  id: 'suricata',
  title: 'Suricata EVE',
  docs: 'https://docs.suricata.io/en/latest/output/eve/eve-json-format.html',
  config: z.object({ homeNetworks: z.array(Cidr).default(PRIVATE_NETWORKS) }).strict(),
  authenticate: verifyBearer,
  parse(body, _request, sourceId, { homeNetworks }) {
    const events = eventsOf(body);
    const at = (index: number): number[] => (events.length === 1 ? [] : [index]);
    const alerts = events.flatMap((event, index) => {
      const kind = named(z.looseObject({ event_type: z.string() }), event, at(index)).event_type;
      return kind === 'alert' ? [named(EveAlert, event, at(index))] : [];
    });
    return { alerts: alerts.map((one) => toAlert(one, sourceId, homeNetworks)) };
  },
});
