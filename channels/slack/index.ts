import { defineChannel } from '../../contracts/channel';
import { messageOf, slackText } from './blocks';
import { SlackClient } from './client';
import { readSlack, verifySlack } from './inbound';
import { SlackConfig } from './schemas';

/** Posts requests with buttons, changes the message as they are decided, and takes the clicks. */
export default defineChannel({
  id: 'slack',
  title: 'Slack',
  docs: 'https://docs.slack.dev/messaging/creating-interactive-messages',
  config: SlackConfig,
  secrets: 'signs its requests',
  authenticatesPeople: true,
  connect(config, { maxImpact }) {
    const client = new SlackClient(config);
    return {
      recipients: () => 'channel',
      async send(notice, signal) {
        const { event, posted, people } = notice;
        const mentions = Object.entries(config.users)
          .filter(([, person]) => people.includes(person))
          .map(([user]) => user);
        const message = messageOf(notice, maxImpact, mentions);
        if (event === 'approval_requested') return { posted: await client.post(message, signal) };
        if (event === 'approval_escalated') {
          const thread = posted?.split(' ')[1];
          const where = thread === undefined ? {} : { thread_ts: thread, reply_broadcast: true };
          return { posted: await client.post({ ...message, ...where }, signal) };
        }
        if (posted === undefined) return 'skipped';
        await client.update(posted, message, signal);
        return {};
      },
      async test({ text }, signal) {
        await client.post({ text: slackText(text, 1000), mrkdwn: false, parse: 'none' }, signal);
      },
      whisper: (user, text, signal) => client.ephemeral(user, slackText(text, 1000), signal),
      close: () => client.close(),
    };
  },
  mistakes: ({ users }, { people }) =>
    Object.entries(users)
      .filter(([, person]) => !people.includes(person))
      .map(([user, person]) => `users.${user}: "${person}" is not among the people of this channel`),
  inbound: { authenticate: verifySlack, read: readSlack },
});
