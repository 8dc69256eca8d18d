import { of, type Mutant } from './mutant';

const LINKS = 'test/channels/links.test.ts';
const SLACK = 'test/channels/slack.test.ts';
const CLICKS = 'test/server/slack-hook.test.ts';
const CONFIRM = 'test/server/confirm.test.ts';
const NOTIFIER = 'test/server/notifier.test.ts';
const KINDS = 'test/server/channel-kinds.test.ts';
const NOTICES = 'test/activities/notices.test.ts';

/** What stands between a message, a click or a link, and a decision; and what keeps notices from being lost or doubled. */
export const CHANNEL_MUTANTS: readonly Mutant[] = [
  ...of('channels/kit/links.ts', [
    [
      'signature of a link',
      'return fits.includes(true) ? readContent(text) : undefined;',
      'return readContent(text);',
      LINKS,
      'whatever is changed in a link',
    ],
    [
      'empty secret of a link',
      "secret.reveal() !== '' && sameSecret(signature,",
      'sameSecret(signature,',
      LINKS,
      'a secret that is empty opens nothing',
    ],
    [
      'empty secret of a form',
      "secret.reveal() !== '' && sameSecret(token,",
      'sameSecret(token,',
      LINKS,
      'a secret that is empty opens nothing',
    ],
    [
      'form is not the link',
      "mac(secret, 'form', link);",
      "mac(secret, 'link', link);",
      LINKS,
      'the token of the form',
    ],
  ]),
  ...of('channels/slack/inbound.ts', [
    [
      'signature of Slack',
      'if (!fits.includes(true))',
      'if (false)',
      CLICKS,
      'another signature, an altered body',
    ],
    ['age of a click', '> TOLERANCE_SECONDS)', '> 1e9)', CLICKS, 'an old or future timestamp'],
    [
      'empty signing secret',
      "return key !== '' && sameSecret",
      'return sameSecret',
      SLACK,
      'an empty secret opens nothing',
    ],
    [
      'workspace',
      'if (config.team !== undefined && team?.id !== config.team)',
      'if (false)',
      CLICKS,
      'another workspace, another conversation',
    ],
    [
      'conversation',
      'if ((channel?.id ?? container?.channel_id) !== config.channel)',
      'if (false)',
      CLICKS,
      'another workspace, another conversation',
    ],
    [
      'a click is one decision',
      'JSON.stringify(parts)',
      'String(Math.random())',
      CLICKS,
      'a click that is sent again counts once',
    ],
  ]),
  ...of('channels/slack/blocks.ts', [
    ['text is plain', "  type: 'plain_text',", "  type: 'mrkdwn',", SLACK, 'what an alert says is text'],
    [
      'control characters',
      'text.replace(/[&<>]/g,',
      'text.replace(/[&>]/g,',
      SLACK,
      'what an alert says is text',
    ],
    [
      'size',
      'blocks.length <= MAX_BLOCKS && Buffer.byteLength(JSON.stringify(blocks)) <= MAX_BYTES',
      'true',
      SLACK,
      'ten items that are long when they are escaped',
    ],
  ]),
  ...of('channels/kit/words.ts', [
    ['addresses', ".replace(/tt(ps?:\\/\\/)/gi, 'xx$1')", '', SLACK, 'what an alert says is text'],
  ]),
  ...of('contracts/channel.ts', [
    [
      'highest impact',
      "status === 'pending' && channelMayDecide(impact, maxImpact)",
      "status === 'pending'",
      SLACK,
      'none for what the channel may not decide',
    ],
    [
      'no mail to the starter',
      'if (requirement.noSelfApproval && askers.includes(person.id)) return false;',
      '',
      KINDS,
      'who started the run gets none',
    ],
  ]),
  ...of('server/routes/confirm.ts', [
    [
      'time of a link',
      "if (content.until <= (await store.now()).getTime()) throw gone('The time to decide is over.');",
      '',
      CONFIRM,
      'over, settled, another plan',
    ],
    [
      'used once',
      'if (await isDecisionKnown(store, content.decision))',
      'if (false)',
      CONFIRM,
      'it decides once',
    ],
    [
      'plan of a link',
      'if (request.planHash !== content.plan)',
      'if (false)',
      CONFIRM,
      'over, settled, another plan',
    ],
    ['settled', "if (request.status === 'settled')", 'if (false)', CONFIRM, 'over, settled, another plan'],
    [
      'form of this link',
      'if (!isFormToken(channel.secrets, answer.link, answer.form))',
      'if (false)',
      CONFIRM,
      'over, settled, another plan',
    ],
    ['own site', '    requireOwnSite(request);\n', '', CONFIRM, 'over, settled, another plan'],
    [
      'person of a link',
      'const person = await spokenFor(store, channel, content.person);',
      'const person = { id: content.person, name: content.person };',
      CONFIRM,
      'only for a person who may decide now',
    ],
  ]),
  ...of('server/routes/channel-decision.ts', [
    [
      'people of a channel',
      'if (!channel.people.includes(id))',
      'if (false)',
      CLICKS,
      'U0ADAM is told why not',
    ],
    ['roles of a channel', 'if (roles.length === 0)', 'if (false)', CLICKS, 'U0VERA is told why not'],
    [
      'one voice',
      'onBehalf: { authenticated: authenticatesPeople, maxImpact }',
      'onBehalf: { authenticated: true, maxImpact }',
      CONFIRM,
      'a link that everybody in a room sees',
    ],
  ]),
  ...of('server/notifier.ts', [
    [
      'nothing left to tell',
      "if (event !== 'approval_settled' && isOver) return undefined;",
      '',
      NOTIFIER,
      'what is settled or over',
    ],
    [
      'bounded attempts',
      'final || row.attempts + 1 >= MAX_ATTEMPTS',
      'final',
      NOTIFIER,
      'given up after twenty attempts',
    ],
    [
      'refused for good',
      'const giveUp = final ||',
      'const giveUp =',
      NOTIFIER,
      'what would be refused again',
    ],
    [
      'links for its own',
      'channel.people.includes(person.id) &&',
      '',
      KINDS,
      'Teams gets a card with a link a person',
    ],
  ]),
  ...of('store/notices.ts', [
    [
      'lease of a notice',
      'next_at: new Date(at.getTime() + leaseMs)',
      'next_at: at',
      NOTIFIER,
      'what a server had taken when it was killed',
    ],
    [
      'order of notices',
      ".where('earlier.state', '=', 'due')",
      ".where('earlier.state', '=', 'none')",
      NOTIFIER,
      'what comes while the message is on its way',
    ],
    [
      'news meanwhile',
      'CASE WHEN wanted = ${notice.wanted} THEN',
      'CASE WHEN true THEN',
      NOTIFIER,
      'decisions that come while a change is on its way',
    ],
    [
      'told once',
      ".where('notices.event', 'in', ['approval_decided', 'approval_settled'])",
      '',
      NOTIFIER,
      'an escalation is a reply',
    ],
    [
      'who can decide',
      '.filter(({ id, roles }) => mayFill(id, roles as Role[]))',
      '',
      KINDS,
      'one to each who could fill a seat',
    ],
  ]),
  ...of('activities/ask.ts', [
    [
      'a request is told of',
      "  await tell(context, { event: 'approval_requested', request: id });\n",
      '',
      NOTICES,
      'a request is told of where it is filed',
    ],
    [
      'no row for nobody',
      'if (tellsPeople(deps.config.channels))',
      '',
      NOTICES,
      'where nobody is told of anything',
    ],
  ]),
  ...of('activities/guard.ts', [
    [
      'its settlement is told of',
      "await tell(context, { event: 'approval_settled', request: asked.request_id });",
      'return;',
      NOTICES,
      'a denial is told of',
    ],
  ]),
  ...of('store/decisions.ts', [
    [
      'a decision is told of',
      "  await tellAgain(tx, request.id, 'approval_decided', at);\n",
      '',
      NOTIFIER,
      'a request is posted once, then changed',
    ],
  ]),
];
