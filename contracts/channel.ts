import { z } from 'zod';
import { DecisionBody, type DecisionInput, type ApprovalItem, type ApprovalRequest } from './approval';
import { channelMayDecide, type Requirement } from './policy';
import type { Secret } from './secret';
import type { Authentication, HookRequest } from './source';
import type { Role, Severity } from './values';

/** What a chat or ticket system sends to `POST /hooks/approvals/:channel`: a decision, the request, and whose it is. */
export const ChannelDecision = DecisionBody.extend({
  request: z.string().min(1).max(200),
  /** Id of the person who answered. */
  person: z.string().min(1).max(63),
}).strict();
export type ChannelDecision = z.infer<typeof ChannelDecision>;

/** What people are told about a request. `approval_decided`: a decision was recorded, and the request is still open. */
export const NOTICE_EVENTS = [
  'approval_requested',
  'approval_decided',
  'approval_escalated',
  'approval_settled',
] as const;
export const NoticeEvent = z.enum(NOTICE_EVENTS);
export type NoticeEvent = z.infer<typeof NoticeEvent>;

/** What an outbox row of the kind `notice` says; its key is the request. */
export const NoticePayload = z.object({
  event: NoticeEvent,
  request: z.string().min(1).max(200),
  /** For an escalation: which step of the policy it is. */
  step: z.number().int().nonnegative().optional(),
  /** For an escalation: whom it is for; everybody who may decide when left out. */
  people: z.array(z.string()).optional(),
  /** For an escalation: by which channels; by all when left out. */
  channels: z.array(z.string()).optional(),
});
export type NoticePayload = z.infer<typeof NoticePayload>;

/** Somebody who is written to. */
export interface Addressee {
  id: string;
  name: string;
  email: string | null;
  roles: readonly Role[];
}

/** What a channel tells. All of it but ids, times and links may have been written by an attacker. */
export interface Notice {
  /** The same in each attempt. */
  key: string;
  event: NoticeEvent;
  at: Date;
  request: ApprovalRequest;
  /** Why: the incident's severity and what its first alerts say. */
  evidence: { severity: Severity; alerts: readonly string[]; alertCount: number };
  /** For an escalation. */
  step?: number;
  /** For an escalation: whom it names. */
  people: readonly string[];
  /** For whom this one is, where a channel writes to each person. */
  to?: Addressee;
  /** Where everybody who may log in sees the request. */
  overview?: string;
  /** Signed links to the confirm page, by person. */
  links: ReadonlyMap<string, string>;
  /** What the product called the first message about the request. */
  posted?: string;
}

/** To whom a channel sends an event; an empty recipient is the channel as a whole. */
export type Recipients = 'nobody' | 'channel' | 'people';

/** A channel that is connected. */
export interface OutgoingChannel {
  /** Whom it tells of an event. */
  recipients(event: NoticeEvent): Recipients;
  /**
   * Delivers. Answers what the product calls the message, where it can be changed later; `skipped` where there is nothing to do,
   * such as an update of what was never posted. Throws CordonError.
   */
  send(notice: Notice, signal: AbortSignal): Promise<{ posted?: string } | 'skipped'>;
  /** Sends a message that says it is a test and asks for nothing. Throws CordonError. */
  test(message: { text: string; key: string; to: readonly Addressee[] }, signal: AbortSignal): Promise<void>;
  /** Tells one person, in the product, what became of their click. Throws CordonError. */
  whisper?(user: string, text: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What somebody did in the product, its signature checked. */
export type Interaction =
  | {
      kind: 'decision';
      /** Their id in the product; for the answer. */
      user: string;
      person: string | undefined;
      request: string;
      input: DecisionInput;
    }
  /** Something that needs an acknowledgement and nothing else. */
  | { kind: 'nothing' }
  | { kind: 'unreadable'; detail: string };

/** What a channel is told of its place in the configuration. */
export interface ConnectedAs {
  id: string;
  people: readonly string[];
  maxImpact: 'low' | 'high';
}

/** One kind of channel: how it is configured, and how it speaks. */
export interface ChannelKind<S extends z.ZodType = z.ZodType> {
  readonly id: string;
  readonly title: string;
  /** Where its formats are described. */
  readonly docs: string;
  readonly config: S;
  /** What the secrets of its configuration are for; `none`: it has none, and decides nothing. */
  readonly secrets: 'signs its requests' | 'sign the links it sends' | 'none';
  /** It proves who answered, unless the configuration says otherwise. */
  readonly authenticatesPeople: boolean;
  connect(config: z.output<S>, channel: ConnectedAs): OutgoingChannel;
  /** What does not fit the rest of its configuration, each with the field. */
  mistakes?(config: z.output<S>, channel: ConnectedAs): string[];
  /** For a product that calls back. */
  readonly inbound?: {
    authenticate(request: HookRequest, secrets: readonly Secret[]): Authentication;
    read(body: Uint8Array, config: z.output<S>): Interaction;
  };
}

/** Whether somebody, with these roles, could fill a seat of an item. */
export function mayFillSeat(
  requirement: Requirement,
  person: { id: string; roles: readonly Role[] },
  askers: readonly string[],
): boolean {
  if (requirement.kind !== 'approvals') return false;
  if (requirement.noSelfApproval && askers.includes(person.id)) return false;
  if (requirement.authors?.includes(person.id) === true) return false;
  return requirement.groups.some(({ roles }) => roles.some((role) => person.roles.includes(role)));
}

/** What a channel may decide of a request: pending, and not above its highest impact. */
export const decidable = (items: readonly ApprovalItem[], maxImpact: 'low' | 'high'): ApprovalItem[] =>
  items.filter(({ status, impact }) => status === 'pending' && channelMayDecide(impact, maxImpact));

/** Types a kind of channel; see `ChannelKind`. */
export const defineChannel = <S extends z.ZodType>(kind: ChannelKind<S>): ChannelKind<S> => kind;

/** Whether anybody is told of requests at all. Where nobody is, nothing is written for it. */
export const tellsPeople = (channels: readonly { use: string }[]): boolean =>
  channels.some(({ use }) => use !== 'webhook');
