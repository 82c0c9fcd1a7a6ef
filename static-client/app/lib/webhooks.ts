/** Webhooks: how each service is set up, and what is typed about one. */

import type { Casemapping } from './casemapping.ts';
import { same } from './casemapping.ts';
import type {
  HookChanges,
  HookDelivery,
  HookSource,
  HookView,
} from './protocol.ts';

interface Service {
  label: string;
  /** What to do with the URL there, one sentence each. */
  steps: readonly string[];
  /** What the secret is called, if one can be entered. */
  secret?: string;
  /** Whether it has branches to choose from. */
  branches?: boolean;
}

const BEARER =
  'Optional. The service must then send it as "Authorization: Bearer"; one that begins with whsec_ is a key of Standard Webhooks.';

export const SERVICES: Record<HookSource, Service> = {
  github: {
    label: 'GitHub',
    steps: [
      'In the repository open Settings, Webhooks, Add webhook.',
      'Paste the address as "Payload URL", choose the content type application/json, and paste the secret.',
      'Choose which events are sent. Noisy ones are filtered here.',
    ],
    branches: true,
  },
  gitlab: {
    label: 'GitLab',
    steps: [
      'In the project open Settings, Webhooks, Add new webhook.',
      'Paste the address as "URL" and the secret as "Secret token".',
      'Choose the triggers, and keep SSL verification on.',
    ],
    branches: true,
  },
  gitea: {
    label: 'Gitea or Forgejo',
    steps: [
      'In the repository open Settings, Webhooks, Add Webhook, Gitea (or Forgejo).',
      'Paste the address as "Target URL", keep POST and application/json, and paste the secret.',
      'Choose which events are sent.',
    ],
    branches: true,
  },
  slack: {
    label: 'Anything that posts to Slack or Teams',
    steps: [
      'Paste the address wherever the service asks for the URL of an incoming webhook of Slack or Microsoft Teams.',
      'Text, blocks, attachments and cards become plain lines. A channel named by the service is ignored.',
    ],
    secret: BEARER,
  },
  kosmos: {
    label: 'Kosmos (room and message)',
    steps: [
      'Post JSON such as {"room":"#channel","message":"hello"} to the address, or a form with it in the field payload.',
      'For UptimeRobot add /uptimerobot? to the address and choose to send the values as query string.',
    ],
    secret: BEARER,
  },
  alertmanager: {
    label: 'Prometheus Alertmanager',
    steps: [
      'In alertmanager.yml add a receiver with webhook_configs, with the address as url.',
      'With a secret, also set http_config.authorization.credentials to it.',
    ],
    secret: BEARER,
  },
  grafana: {
    label: 'Grafana',
    steps: [
      'Open Alerting, Contact points, and add one with the integration Webhook.',
      'Paste the address as URL, with the method POST.',
      'With a secret, paste it as credentials of the authorization header, or as secret of the HMAC signature.',
    ],
    secret:
      'Optional. As credentials of the authorization header, or as secret of the HMAC signature.',
  },
  uptimekuma: {
    label: 'Uptime Kuma',
    steps: [
      'Open Settings, Notifications, Setup Notification, and choose the type Webhook.',
      'Paste the address as Post URL, with the request body application/json.',
    ],
    secret: BEARER,
  },
  uptimerobot: {
    label: 'UptimeRobot',
    steps: [
      'Open Integrations and add a Webhook.',
      'Paste the address with a ? at its end, and choose to send the default variables as query string or as POST parameters.',
    ],
  },
  sms: {
    label: 'Text messages (Twilio and compatible)',
    steps: [
      'In the settings of the number, choose Webhook for "A message comes in".',
      'Paste the address, with the method HTTP POST.',
    ],
    secret:
      'The Auth Token of the Twilio account, so that its signature can be checked.',
  },
  json: {
    label: 'Any JSON, with a template',
    steps: [
      'Post JSON to the address.',
      'The template says which fields appear. Without one, the text that looks most like a message is posted; Jira, Datadog and Amazon SNS need none.',
    ],
    secret: BEARER,
  },
};

export const SOURCES = Object.entries(SERVICES).map(([source, service]) => ({
  source: source as HookSource,
  label: service.label,
}));

/** Returns a channel's webhooks. */
export function hooksOf(
  hooks: readonly HookView[],
  network: { id: string; casemapping: Casemapping },
  channel: string,
): HookView[] {
  return hooks.filter(
    (hook) =>
      hook.connection === network.id &&
      same(hook.channel, channel, network.casemapping),
  );
}

function patterns(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Parses the form's options; returns a sentence if something in it is invalid. */
export function readHookForm(
  form: FormData,
  offset = -new Date().getTimezoneOffset(),
): HookChanges | string {
  const text = (name: string) =>
    ((form.get(name) as string | null) ?? '').trim();
  const [from, to] = [text('from'), text('to')];
  const quiet = form.get('quiet') !== null;
  if (quiet && !(from && to))
    return 'Enter when the quiet hours begin and end.';
  if (quiet && from === to) {
    return 'Quiet hours that begin and end at the same time last all day. Switch the webhook off instead.';
  }
  const secret = text('secret');
  return {
    name: text('name'),
    filter: {
      events: patterns(text('events')),
      branches: patterns(text('branches')),
    },
    quiet_hours: quiet ? { from, to, offset } : null,
    mention_everybody: form.get('everybody') !== null,
    notice: form.get('notice') !== null,
    template: text('template') || null,
    ...(secret ? { secret } : {}),
  };
}

const OUTCOMES: Record<HookDelivery['outcome'], string> = {
  queued: 'Waiting',
  delivered: 'Said',
  refused: 'Refused',
  ignored: 'Not posted',
};

/** Says in a word, and why, what became of a delivery. */
export function outcomeOf(delivery: HookDelivery): string {
  const word = OUTCOMES[delivery.outcome];
  return 'reason' in delivery ? `${word}: ${delivery.reason}` : word;
}
