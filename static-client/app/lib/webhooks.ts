/** Webhooks: the functions' data about them, and how each service is set up. */

import type { Casemapping } from './casemapping.ts';
import { same } from './casemapping.ts';

export type HookSource =
  | 'github'
  | 'gitlab'
  | 'gitea'
  | 'slack'
  | 'kosmos'
  | 'alertmanager'
  | 'grafana'
  | 'uptimekuma'
  | 'uptimerobot'
  | 'sms'
  | 'json';

export interface QuietHours {
  from: string;
  to: string;
  offset: number;
}

export interface HookOptions {
  filter: { events?: string[]; branches?: string[] };
  quiet_hours?: QuietHours | null;
  mention_everybody: boolean;
  notice: boolean;
  template?: string | null;
}

export interface Delivery {
  id: string;
  time: string;
  event: string;
  lines: string[];
  outcome: 'queued' | 'delivered' | 'refused' | 'ignored';
  reason?: string;
  at?: string;
  again?: string;
}

export interface Hook extends HookOptions {
  id: string;
  source: HookSource;
  name: string;
  connection: string;
  channel: string;
  enabled: boolean;
  created: string;
  has_secret: boolean;
  url?: string;
  secret?: string;
  deliveries?: Delivery[];
}

export interface NewHook extends Partial<HookOptions> {
  source: HookSource;
  connection: string;
  channel: string;
  name?: string;
  secret?: string | null;
}

export type HookChanges = Partial<
  Omit<NewHook, 'source' | 'connection'> & { enabled: boolean }
>;

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
    label: 'Anything that posts to Slack',
    steps: [
      'Paste the address wherever the service asks for the URL of a Slack incoming webhook.',
      'Text, blocks and attachments become plain lines. A channel named by the service is ignored.',
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
      'The template says which fields appear. Without one, the text that looks most like a message is posted.',
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
  hooks: readonly Hook[],
  network: { id: string; casemapping: Casemapping },
  channel: string,
): Hook[] {
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
): (HookOptions & { name: string; secret?: string }) | string {
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

const OUTCOMES: Record<Delivery['outcome'], string> = {
  queued: 'Waiting',
  delivered: 'Said',
  refused: 'Refused',
  ignored: 'Not posted',
};

/** Describes the outcome of a delivery in a word, with the reason. */
export function outcomeOf(delivery: Delivery): string {
  const word = OUTCOMES[delivery.outcome];
  return delivery.reason ? `${word}: ${delivery.reason}` : word;
}
