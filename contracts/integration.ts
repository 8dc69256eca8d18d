import type { z } from 'zod';
import type { ActionId, ActionInput, ActionOutput } from './actions';
import type { Alert } from './alert';
import type { JsonObject } from './values';

/** What a read of the product's state says about an effect: whether it is in force, and the state as read. */
export interface Probe {
  inForce: boolean;
  /** Small, free of secrets; stored with the claim and shown in the journal. Whatever `output` needs for the undo. */
  state: JsonObject;
}

/** Done, or accepted and to be polled with a token. */
export type Acted<O> =
  | { status: 'done'; output: O }
  | { status: 'pending'; token: string; againInMs: number }
  | { status: 'partial'; output: O; detail: string };

/** What an adapter is given with each call. */
export interface CallContext {
  /** Unique per effect and the same in every retry: the idempotency key, where the product has such a thing. */
  readonly actionKey: string;
  readonly incident: string;
  readonly reason: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Await before each state-changing call to the product: throws `fenced` when a newer attempt has taken over. */
  fence(): Promise<void>;
  readonly log: { info(data: object, message: string): void; warn(data: object, message: string): void };
  /** Stores an artefact under its sha256 and returns its reference. */
  putEvidence(artefact: {
    name: string;
    mediaType: string;
    bytes: Uint8Array;
  }): Promise<{ name: string; sha256: string; bytes: number }>;
}

/** One action of one product. */
export interface Handler<A extends ActionId> {
  /** Reads whether the effect is in force. Required where the action's delivery is `probe`. Changes nothing. */
  probe?(input: ActionInput<A>, context: CallContext): Promise<Probe>;
  /** Does it. Errors are CordonErrors; `maybeApplied` when the reply, not the request, was lost. */
  act(input: ActionInput<A>, context: CallContext, first: Probe | undefined): Promise<Acted<ActionOutput<A>>>;
  /**
   * Everything on which the effect is in force at the product now, whoever brought it about, as inputs of the action: for audits.
   * Left out where the product has no such list. Throws `unsupported` when it is longer than can be read whole.
   */
  inForce?(context: CallContext): Promise<ActionInput<A>[]>;
  /** Asks for the outcome of a pending one. */
  poll?(token: string, input: ActionInput<A>, context: CallContext): Promise<Acted<ActionOutput<A>>>;
  /** Output of an effect that is in force though our reply was lost, or was there before us: from what was read first and now. */
  output?(input: ActionInput<A>, first: Probe, now: Probe): ActionOutput<A>;
  /** How long one call may take, in ms; 30 s when left out. What can be polled should be pending instead. */
  readonly timeoutMs?: number;
  /** Permissions that it needs at the product, in the product's words. */
  readonly permissions: readonly string[];
}

export type Handlers = { readonly [A in ActionId]?: Handler<A> };

export interface Health {
  ok: boolean;
  detail: string;
  /** Permissions that Cordon surely lacks there, in the words of the handlers. Left out where the product cannot tell. */
  missing?: readonly string[];
}

/** One configured instance of an integration, connected lazily. */
export interface Connection {
  readonly handlers: Handlers;
  /** Reaches the product and checks what can be checked without changing anything; for `doctor` and readiness. */
  check(signal: AbortSignal): Promise<Health>;
  /** New alerts since the cursor; the cursor of the last round is null at first. */
  poll?(
    cursor: JsonObject | null,
    signal: AbortSignal,
  ): Promise<{ alerts: { alert: Alert; raw: JsonObject }[]; cursor: JsonObject }>;
  close(): Promise<void>;
}

/** What code outside an adapter gives to it; nothing else reaches in. */
export interface ConnectTools {
  readonly connectionId: string;
  /** Cordon's data folder for this connection, created when first used. */
  dataDir(): string;
  readonly log: CallContext['log'];
  /** Entries that the server publishes as external block lists; backed by SQL. */
  readonly blocklist: BlocklistStore;
}

/** Where the `blocklist` integration keeps its entries, so that every server process can serve them. */
export interface BlocklistStore {
  get(list: string, ip: string): Promise<{ expiresAt: string | null; reason: string } | null>;
  entries(list: string): Promise<{ ip: string; expiresAt: string | null }[]>;
  put(list: string, ip: string, entry: { expiresAt: string | null; reason: string }): Promise<void>;
  remove(list: string, ip: string): Promise<boolean>;
}

export interface Integration<C extends z.ZodType = z.ZodType> {
  readonly id: string;
  readonly title: string;
  /** The vendor's documentation that the adapter follows. */
  readonly docs: string;
  /** Effects are pretended; shown wherever the connection shows. */
  readonly simulated: boolean;
  readonly config: C;
  readonly actions: readonly ActionId[];
  connect(config: z.output<C>, tools: ConnectTools): Connection;
}

/** Declares an integration. */
export function defineIntegration<C extends z.ZodType>(integration: Integration<C>): Integration<C> {
  return integration;
}
