import { CordonError } from '../../contracts/errors';
import type { CallContext } from '../../contracts/integration';
import type { AccountRef } from '../../contracts/values';
import { CHANGED_MEANWHILE, codeOf, escapeFilter, type Directory, type LdapChange } from './client';

/** userAccountControl bit ACCOUNTDISABLE. */
const DISABLE = 2;
const UAC = 'userAccountControl';
const LOCKED = 'pwdAccountLockedTime';
/** Locked until an administrator unlocks it, RFC draft behera-ldap-password-policy. */
const FOR_EVER = '000001010000Z';
/** Others may write at the same time; each round reads again. */
const ROUNDS = 3;

interface Account {
  dn: string;
  disabled: boolean;
  /** The stored value that decides; null when the attribute is absent. */
  value: string | null;
}

/** How one kind of directory holds that an account is disabled. */
interface Flavour {
  attribute: string;
  filter(account: AccountRef): string;
  read(value: string | null): boolean;
  /** The one modify that takes an account from the value read to the wanted state: it fails when the value has changed. */
  change(value: string | null, disable: boolean): LdapChange[];
}

function uac(value: string | null): number {
  const number = Number(value);
  if (value === null || !Number.isInteger(number))
    throw new CordonError('unexpected_reply', `ldap: ${UAC} can’t be read`, { maybeApplied: false });
  return number;
}

const swap = (attribute: string, from: string | null, to: string | null): LdapChange[] => [
  ...(from === null ? [] : [{ operation: 'delete' as const, attribute, values: [from] }]),
  ...(to === null ? [] : [{ operation: 'add' as const, attribute, values: [to] }]),
];

const activeDirectory: Flavour = {
  attribute: UAC,
  filter: ({ name, upn }) =>
    upn === undefined
      ? `(&(objectCategory=person)(objectClass=user)(sAMAccountName=${escapeFilter(name)}))`
      : `(&(objectCategory=person)(objectClass=user)(userPrincipalName=${escapeFilter(upn)}))`,
  read: (value) => (uac(value) & DISABLE) !== 0,
  change: (value, disable) =>
    swap(UAC, value, String(disable ? uac(value) | DISABLE : uac(value) & ~DISABLE)),
};

const openLdap: Flavour = {
  attribute: LOCKED,
  filter: ({ name }) => `(&(objectClass=person)(uid=${escapeFilter(name)}))`,
  read: (value) => value === FOR_EVER,
  // A lock by failed logins is replaced by ours. The undo takes ours off and gives no temporary one back.
  change: (value, disable) => swap(LOCKED, value, disable ? FOR_EVER : null),
};

export const FLAVOURS = { active_directory: activeDirectory, openldap: openLdap } as const;

/** Accounts of a directory: found unambiguously, changed by compare-and-set. */
export class Accounts {
  constructor(
    private readonly directory: Directory,
    private readonly flavour: Flavour,
  ) {}

  async find(account: AccountRef, signal: AbortSignal): Promise<Account> {
    const { attribute } = this.flavour;
    const found = await this.directory.search(this.flavour.filter(account), [attribute], signal);
    const [first, second] = found;
    if (first === undefined) throw new CordonError('not_found', `ldap: no account named ${account.name}`);
    if (second !== undefined)
      throw new CordonError('rejected', `ldap: more than one account is named ${account.name}`);
    const value = first.values[attribute.toLowerCase()]?.[0] ?? null;
    return { dn: first.dn, disabled: this.flavour.read(value), value };
  }

  /** Brings the account to the wanted state and answers the value that stood before; changes nothing when it is there. */
  async set(account: AccountRef, disable: boolean, context: CallContext): Promise<Account> {
    for (let round = 1; ; round++) {
      const found = await this.find(account, context.signal);
      if (found.disabled === disable) return found;
      await context.fence();
      try {
        await this.directory.modify(found.dn, this.flavour.change(found.value, disable), context.signal);
        return found;
      } catch (error) {
        // Changed since we read it: by somebody else, or by a lost attempt of our own. Read again.
        if (!CHANGED_MEANWHILE.has(codeOf(error)) || round === ROUNDS) throw error;
        context.log.warn({ account: account.name, round }, 'the account changed while we changed it');
      }
    }
  }
}
