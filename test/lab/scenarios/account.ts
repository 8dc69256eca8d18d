import { Webhook } from 'standardwebhooks';
import type { Directory } from '../components/directory';
import { VICTIM } from '../components/directory';
import type { Scenario } from '../component';
import { LAB_SIEM } from '../sources';

const alert = (): string =>
  JSON.stringify({
    id: `account-${String(Date.now())}`,
    title: `Log-in of ${VICTIM.name} from two continents`,
    severity: 'high',
    techniques: ['T1078'],
    entities: { accounts: [`${VICTIM.name}@lab.example.com`] },
  });

/** An account is disabled in Active Directory, and its containment is released by a named person. */
export const account = (directory: Directory): Scenario => ({
  name: 'account compromise',
  async run(lab, cordon, table) {
    const logIn = (): Promise<string> => directory.logIn(VICTIM.name, VICTIM.password);
    const before = await logIn();
    const id = await cordon.deliverSigned('siem', alert(), (messageId, at, body) =>
      new Webhook(LAB_SIEM).sign(messageId, at, body),
    );
    const { number } = await cordon.incidentOf(id);
    lab.say(`${number}: ${VICTIM.name} used by somebody else`);
    await cordon.asks(number, 'identity.disable_account', VICTIM.name);
    table.row(`${VICTIM.name}: nothing happens before a person agrees`, {
      before: [before, 'yes'],
      during: [await logIn(), 'yes'],
    });
    await cordon.approve(number, 'identity.disable_account', VICTIM.name);
    const lease = await cordon.lease('identity.disable_account', VICTIM.name);
    const during = await logIn();
    const wrong = await directory.logIn(VICTIM.name, 'wrong');

    return async () => {
      await cordon.release(lease);
      table.row(`${VICTIM.name} disabled: LDAP log-in with the right password`, {
        before: [before, 'yes'],
        during: [during, 'no, data 533'],
        after: [await logIn(), 'yes'],
      });
      table.row(`${VICTIM.name}: LDAP log-in with a wrong password`, { during: [wrong, 'no, data 52e'] });
      await cordon.close(number);
    };
  },
});
