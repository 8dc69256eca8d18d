import { z } from 'zod';
import { Alert } from '../contracts/alert';
import { defineSource } from '../contracts/source';
import { Cidr, PRIVATE_NETWORKS, sortAddresses } from './kit/addresses';
import { verifyBearer } from './kit/authentication';
import { categoryOfTechniques, categoryOfWords } from './kit/category';
import {
  accountOf,
  alertKey,
  clip,
  compact,
  hostOf,
  mergeHosts,
  nameOf,
  sha256Of,
  stableId,
  techniquesOf,
  unique,
  VendorTime,
} from './kit/normalise';
import { severityFromWazuhLevel } from './kit/severity';

/** Decoders fill `data` from whatever a log holds: what isn't text there says nothing, and costs no alert. */
const decoded = z.string().optional().catch(undefined);
const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);

const WazuhAlert = z.object({
  id: z.union([z.string().min(1), z.number()]).optional(),
  timestamp: VendorTime,
  manager: z.object({ name: z.string() }).optional(),
  agent: z
    .object({ id: z.string().optional(), name: z.string().optional(), ip: z.string().optional() })
    .optional(),
  rule: z.object({
    id: z.union([z.string(), z.number()]).transform(String),
    level: z.number(),
    description: z.string().default(''),
    groups: texts,
    mitre: z.object({ id: texts }).optional(),
  }),
  full_log: decoded,
  data: z
    .object({
      srcip: decoded,
      dstip: decoded,
      srcuser: decoded,
      dstuser: decoded,
      url: decoded,
      win: z
        .object({
          eventdata: z
            .object({
              targetUserName: decoded,
              targetDomainName: decoded,
              ipAddress: decoded,
              image: decoded,
              hashes: decoded,
            })
            .optional()
            .catch(undefined),
        })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
  syscheck: z
    .object({ path: z.string(), sha256_after: z.string().optional(), uname_after: decoded })
    .optional(),
});
type WazuhAlert = z.output<typeof WazuhAlert>;

const GROUPS = [
  [/ransom/i, 'ransomware'],
  [/virus|malware|yara|rootcheck|clamd/i, 'malware'],
  [/^authentication_fail|brute|invalid_login/i, 'credential_attack'],
  [/^(web|attack|sql_injection|web_scan)$/i, 'web_attack'],
  [/^(sca|policy_)/i, 'policy'],
] as const;

function filesOf({ data, syscheck }: WazuhAlert): Alert['entities']['files'] {
  const eventdata = data?.win?.eventdata;
  const found = [
    { path: syscheck?.path, sha256: syscheck?.sha256_after },
    { path: eventdata?.image, sha256: /SHA256=([0-9a-f]{64})/i.exec(eventdata?.hashes ?? '')?.[1] },
  ].map((file) => compact({ path: nameOf(file.path, 4096), sha256: sha256Of(file.sha256) }));
  return unique(found).filter((file) => Object.keys(file).length > 0);
}

function toAlert(given: WazuhAlert, sourceId: string, homeNetworks: readonly string[]): Alert {
  const { agent, data, manager, rule, syscheck } = given;
  const eventdata = data?.win?.eventdata;
  const techniques = techniquesOf(rule.mitre?.id ?? []);
  const addresses = sortAddresses([data?.srcip, data?.dstip, eventdata?.ipAddress], homeNetworks);
  const entities = {
    hosts: mergeHosts([hostOf(agent?.name, [agent?.ip]), ...addresses.hosts]),
    accounts: unique([
      accountOf(data?.dstuser),
      accountOf(data?.srcuser),
      accountOf(eventdata?.targetUserName, eventdata?.targetDomainName),
      accountOf(syscheck?.uname_after),
    ]),
    ips: addresses.ips,
    files: filesOf(given),
    urls: unique([nameOf(data?.url, 4096)]),
  };
  // The manager numbers its alerts; two managers may use the same number.
  const id = given.id ?? stableId(given.timestamp, rule.id, agent?.id, given.full_log, entities);
  return Alert.parse({
    alertKey: alertKey(sourceId, `${manager?.name ?? ''}/${String(id)}`),
    source: sourceId,
    product: 'Wazuh',
    title: nameOf(rule.description, 1000) ?? `Wazuh rule ${clip(rule.id, 255)}`,
    description: given.full_log === undefined ? undefined : clip(given.full_log, 10_000),
    severity: severityFromWazuhLevel(rule.level),
    category: categoryOfTechniques(techniques) ?? categoryOfWords(rule.groups, GROUPS) ?? 'other',
    techniques,
    occurredAt: given.timestamp,
    rule: compact({ id: clip(rule.id, 255), name: nameOf(rule.description, 1000) }),
    entities,
  });
}

/** Wazuh 4.x: the alert as an integration script of `integratord` reads and forwards it. */
export const wazuh = defineSource({
  id: 'wazuh',
  title: 'Wazuh 4.x',
  docs: 'https://documentation.wazuh.com/4.14/user-manual/manager/integration-with-external-apis.html',
  config: z.object({ homeNetworks: z.array(Cidr).default(PRIVATE_NETWORKS) }).strict(),
  authenticate: verifyBearer,
  parse(body, _request, sourceId, { homeNetworks }) {
    const given = WazuhAlert.parse(body);
    return { alerts: [toAlert(given, sourceId, homeNetworks)] };
  },
});
