import { z } from 'zod';
import { ActionId } from './actions';
import { CATEGORIES, Entities } from './alert';
import { JournalEntry } from './journal';
import { Requirement } from './policy';
import { Mode, Phase, Role, Severity } from './values';

/** What the API takes and answers. The OpenAPI document is made from these. */
const when = z.iso.datetime();
const reason = z.string().trim().min(1).max(2000);

export const IncidentSummary = z.object({
  number: z.string(),
  title: z.string(),
  status: z.enum(['open', 'closed']),
  mode: Mode,
  phase: Phase,
  severity: Severity,
  playbook: z.string().nullable(),
  /** `source:<id>` or `person:<id>`. */
  startedBy: z.string(),
  /** Why a person is needed, or null. */
  attention: z.string().nullable(),
  verdict: z.string().nullable(),
  reopens: z.string().nullable(),
  openedAt: when,
  closedAt: when.nullable(),
  alertCount: z.number().int(),
});
export type IncidentSummary = z.infer<typeof IncidentSummary>;

export const IncidentDetail = IncidentSummary.extend({
  alerts: z.array(
    z.object({
      id: z.string(),
      seq: z.number().int().nullable(),
      title: z.string(),
      severity: Severity,
      source: z.string(),
      occurredAt: z.string(),
    }),
  ),
  links: z.array(z.object({ other: z.string(), why: z.string() })),
  actions: z.array(
    z.object({
      action: ActionId,
      connection: z.string(),
      target: z.string(),
      status: z.string().nullable(),
      group: z.string(),
      item: z.string(),
      occurrence: z.number().int(),
    }),
  ),
});
export type IncidentDetail = z.infer<typeof IncidentDetail>;

export const IncidentPage = z.object({ items: z.array(IncidentSummary), next: z.string().nullable() });
export const Timeline = z.object({ items: z.array(JournalEntry) });

export const Reason = z.object({ reason }).strict();
export const Verdict = Reason.extend({ verdict: z.enum(['true_positive', 'false_positive', 'benign']) });
export const Resolution = Reason.extend({
  item: z.string().min(1).max(1500),
  resolution: z.enum(['retry', 'skip']),
});
/** By how much the watch that is under way ends later. */
export const WatchExtension = Reason.extend({ hours: z.number().int().min(1).max(8784) });
export const Accepted = z.object({ accepted: z.literal(true) });

/** How long a containment shall stand. */
export const Extension = Reason.extend({ until: z.iso.datetime({ offset: true }) });
/** Whose hold goes to whom; `from` may be left out where one other incident holds it. */
export const Transfer = Reason.extend({
  from: z.string().min(1).max(100).optional(),
  to: z.string().min(1).max(100),
});
/** One of both: a target by its key or a name of it, or everything. */
export const ReleaseMany = Reason.extend({
  target: z.string().trim().min(1).max(1024).optional(),
  all: z.literal(true).optional(),
}).refine(({ target, all }) => (target === undefined) !== (all === undefined), {
  message: 'needs either target or all',
});

/** An incident that a person starts. */
export const ManualStart = z
  .object({
    title: z.string().trim().min(1).max(1000),
    severity: Severity,
    category: z.enum(CATEGORIES).default('other'),
    techniques: z
      .array(z.string().regex(/^T\d{4}(\.\d{3})?$/, 'expected an ATT&CK id such as T1486'))
      .max(50)
      .default([]),
    entities: Entities.strict().prefault({}),
    /** `id@version`; the run chooses by the alert when left out. */
    playbook: z.string().max(200).optional(),
    reason,
  })
  .strict();
export type ManualStart = z.output<typeof ManualStart>;

export const Started = z.object({
  deliveryId: z.string(),
  alert: z.string(),
  /** Null while another process still correlates it: look again. */
  incident: z.string().nullable(),
  /** An open incident knew one of the entities: the alert joined it, and its playbook goes on. */
  joined: z.boolean(),
  playbook: z.string().nullable(),
  startedBy: z.string(),
  /** The same request was sent before; nothing new was made. */
  repeated: z.boolean(),
});
export type Started = z.infer<typeof Started>;

export const Detached = z.object({
  incident: z.string(),
  alert: z.string(),
  /** The incident of its own that it has now. */
  detachedTo: z.string(),
  /** What only this alert had brought: the old incident does nothing to it any more. */
  targets: z.array(z.string()),
  /** What the old incident had contained there already. It stays in force until the lease is released. */
  stillContained: z.array(z.object({ lease: z.string(), action: z.string(), target: z.string() })),
});
export type Detached = z.infer<typeof Detached>;

export const Decided = z.object({
  decisionId: z.string(),
  items: z.array(
    z.object({
      itemHash: z.string(),
      status: z.enum(['recorded', 'repeated', 'too_late']),
      /** It is recorded and has no weight by itself: why, in words. */
      doesNotCount: z.string().optional(),
    }),
  ),
});

/** A channel, and what has become of what it was to tell. */
export const ChannelView = z.object({
  id: z.string(),
  use: z.string(),
  people: z.array(z.string()),
  maxImpact: z.enum(['low', 'high']),
  /** It tells people of requests; else it only answers. */
  tells: z.boolean(),
  /** Messages that have not arrived yet. */
  waiting: z.number().int(),
  /** Messages of the last month that were given up. */
  failed: z.number().int(),
  lastSent: z.object({ at: when, event: z.string(), request: z.string() }).nullable(),
  lastError: z.object({ at: when, error: z.string(), request: z.string() }).nullable(),
});
export type ChannelView = z.infer<typeof ChannelView>;
export const ChannelTest = z.object({ ok: z.boolean(), error: z.string().optional() });
export type ChannelTest = z.infer<typeof ChannelTest>;

export const KillSwitch = z.object({
  on: z.boolean(),
  reason: z.string().optional(),
  by: z.string().optional(),
  at: when.optional(),
});
export const KillSwitchInput = Reason.extend({ on: z.boolean() });

export const Me = z.object({ id: z.string(), name: z.string(), roles: z.array(Role) });
/** Who is logged in in a browser; `csrf` goes into the header `X-Cordon-Csrf` of each call that changes something. */
export const SessionView = z.object({
  session: z.object({ person: Me, csrf: z.string(), permissions: z.array(z.string()) }).nullable(),
});
export const PersonView = Me.extend({ active: z.boolean() });
export type PersonView = z.infer<typeof PersonView>;

export const TokenView = z.object({
  id: z.string(),
  person: z.string(),
  label: z.string(),
  createdAt: when,
  expiresAt: when.nullable(),
  revokedAt: when.nullable(),
});
export type TokenView = z.infer<typeof TokenView>;

export const TokenInput = z
  .object({
    person: z.string().min(1).max(63),
    label: z.string().trim().min(1).max(200),
    expiresInDays: z.number().int().min(1).max(366).default(90),
  })
  .strict();
/** The only time that the token itself is shown. */
export const NewToken = TokenView.extend({ token: z.string() });

/** Somebody lets another person decide in their seat. */
export const DelegationView = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  until: when,
  reason: z.string(),
  createdAt: when,
  revokedAt: when.nullable(),
});
export type DelegationView = z.infer<typeof DelegationView>;

export const DelegationInput = z
  .object({
    to: z.string().min(1).max(63),
    /** Whose seat; one's own when left out. Another's is an admin's to lend. */
    from: z.string().min(1).max(63).optional(),
    /** At most 90 days from now. */
    until: z.iso.datetime({ offset: true }),
    reason: z.string().trim().min(1).max(2000),
  })
  .strict();

export const PlaybookView = z.object({
  id: z.string(),
  version: z.number().int(),
  title: z.string(),
  authors: z.array(z.string()).readonly().optional(),
});
export type PlaybookView = z.infer<typeof PlaybookView>;

export const ActionView = z.object({
  id: ActionId,
  title: z.string(),
  category: z.string(),
  readOnly: z.boolean(),
  impact: z.enum(['none', 'low', 'high', 'irreversible']),
  inverse: ActionId.nullable(),
  delivery: z.string(),
  d3fend: z.array(z.string()),
});

/** What one person alone had done in an emergency, and who looked at it since. */
export const ReviewView = z.object({
  id: z.string(),
  incident: z.string(),
  request: z.string(),
  person: z.string(),
  reason: z.string(),
  items: z.array(z.string()),
  openedAt: when,
  closedAt: when.nullable(),
  closedBy: z.string().nullable(),
  note: z.string().nullable(),
});
export type ReviewView = z.infer<typeof ReviewView>;
export const ReviewNote = z.object({ note: reason }).strict();

/** What is asked of the policy as it is now. */
export const PolicyQuestion = z.object({
  action: ActionId,
  /** A name, or a target's key: `ws-1`, `host:ws-1`, `account:kim`. */
  target: z.string().trim().min(1).max(1000),
  severity: z.coerce.number().int().min(1).max(5).default(3),
  mode: Mode.default('live'),
  /** The incident's; not told when left out. */
  confidence: z.coerce.number().int().min(0).max(100).optional(),
  /** Of the incident's alerts: one, or several with commas. */
  incidentCategory: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(CATEGORIES)).min(1))
    .default(['other']),
  /** `ransomware@1`, or the newest of `ransomware`: whose authors may not approve, where a rule says so. */
  playbook: z.string().min(1).max(200).optional(),
  /** Now when left out. */
  at: z.iso.datetime({ offset: true }).optional(),
  /** Whose tags count; no tags when left out. */
  connection: z.string().max(63).optional(),
});

const NamedPerson = z.object({ id: z.string(), name: z.string() });

/** What the policy says to an action on a target, why, and who could answer. */
export const PolicyExplanation = z.object({
  policyVersion: z.string(),
  target: z.string(),
  /** The asset that it is; null when it is none, or may be several. */
  asset: z.string().nullable(),
  /** Assets that it may be: the one that asks for most counts. */
  mayBe: z.array(z.string()),
  /** Why nothing is done to it whatever the policy says, or null. */
  protected: z.string().nullable(),
  /** The rules in their order, up to the one that decides. `whyNot` is null there. */
  rules: z.array(z.object({ name: z.string(), whyNot: z.string().nullable() })),
  requirement: Requirement,
  /** Who could fill the seats of each group. */
  seats: z.array(
    z.object({
      roles: z.array(Role),
      count: z.number().int(),
      people: z.array(NamedPerson),
      /** Who could in the seat of one of them, until when. */
      delegates: z.array(z.object({ id: z.string(), for: z.string(), until: when })),
    }),
  ),
  /** Who could deny although they could not approve. */
  veto: z.array(NamedPerson),
  budgets: z.array(
    z.object({
      id: z.string(),
      used: z.number().int(),
      limit: z.number().int(),
      windowSeconds: z.number().int(),
    }),
  ),
});
export type PolicyExplanation = z.infer<typeof PolicyExplanation>;

export const JournalReport = z.object({
  ok: z.boolean(),
  chains: z.number().int(),
  entries: z.number().int(),
  seals: z.number().int(),
  unsealed: z.number().int(),
  problems: z.array(
    z.object({ chain: z.string(), seq: z.number().int(), problem: z.string(), detail: z.string() }),
  ),
});

/** RFC 9457. */
export const ProblemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  requestId: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
