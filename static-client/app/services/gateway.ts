import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import { io } from 'socket.io-client';
import {
  make,
  publishedAt,
  type Activity,
  type Actor,
} from '../lib/activities.ts';
import type { ConnectorAddress, TicketResponse } from '../lib/protocol.ts';
import { asSentence, sentenceOf } from '../lib/api.ts';
import type { Outgoing } from '../lib/chat/outbox.ts';
import { kindByName } from '../lib/conversations.ts';
import type { Network } from '../lib/chat/types.ts';
import {
  Link,
  UnknownOutcome,
  type LinkStatus,
  type OpenSocket,
} from '../lib/link.ts';
import type ChatService from './chat.ts';
import type LifeService from './life.ts';
import type OutgoingService from './outgoing.ts';
import type SessionService from './session.ts';

/** Missed messages are requested from this long before, initially and after a break; in ms. */
const FIRST_LOOKBACK = 24 * 3600_000;
const OVERLAP = 60_000;
/** Missed messages arrive within this time after a `connect`, in ms; after that, unconfirmed ones count as failed. */
const REPLAY_PATIENCE = 5000;
/** How long a response of `/api/tickets` is shared by several connectors that connect together, in ms. */
const TICKETS_SHARED = 1000;

export const openSocket: OpenSocket = (url, auth, shown) =>
  io(url, {
    path: '/sockethub',
    auth,
    query: shown === undefined ? {} : { ticket: shown },
    reconnection: false,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
  });

interface Connector {
  id: string;
  link: Link;
  status: LinkStatus;
  sentence: string;
  lastSeen: number;
}

/** The links to the connectors, and what is sent over them. */
export default class GatewayService extends Service {
  @service declare session: SessionService;
  @service declare chat: ChatService;
  @service declare life: LifeService;
  @service declare outgoing: OutgoingService;

  @tracked status: LinkStatus = 'connecting';
  @tracked sentence = '';
  /** The server has no connector for browsers yet. */
  @tracked noConnector = false;

  openSocket: OpenSocket = openSocket;

  #connectors = new Map<string, Connector>();
  #tickets: { at: number; answer: Promise<TicketResponse> } | undefined;
  /** Messages sent while there was no link, in order. */
  #queue: Outgoing[] = [];
  /** Sent, but the link broke before the ack. */
  #unsure = new Set<string>();
  #stopped = true;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;

  async start() {
    this.#stopped = false;
    window.addEventListener('online', this.hurry);
    document.addEventListener('visibilitychange', this.hurry);
    await this.#discover();
  }

  stop() {
    this.#stopped = true;
    window.removeEventListener('online', this.hurry);
    document.removeEventListener('visibilitychange', this.hurry);
    clearTimeout(this.#startTimer);
    for (const { link } of this.#connectors.values()) link.stop();
    this.#connectors.clear();
    this.#queue = [];
    this.#unsure.clear();
    this.noConnector = false;
    this.status = 'connecting';
    this.sentence = '';
  }

  willDestroy() {
    this.stop();
    super.willDestroy();
  }

  /** Tries now instead of later. */
  hurry = () => {
    if (document.visibilityState === 'hidden') return;
    for (const { link } of this.#connectors.values()) link.hurry();
    if (this.#startTimer !== undefined) {
      clearTimeout(this.#startTimer);
      this.#startTimer = undefined;
      void this.#discover();
    }
  };

  /** Finds the connectors; retries until it succeeds. */
  async #discover() {
    if (this.#stopped) return;
    try {
      const answer = await this.#freshTickets();
      if (this.#stopped) return;
      // Others (an IRC server) have no platform: browsers do not use them.
      const connectors = answer.connectors.filter(
        ({ platforms }) => platforms.length > 0,
      );
      this.noConnector = !connectors.length;
      if (this.noConnector) {
        throw new Error('No connector is configured. Ask your administrator.');
      }
      this.#attempts = 0;
      for (const connector of connectors) this.#addConnector(connector);
    } catch (error) {
      if (this.#stopped || !this.session.signedIn) return;
      this.status = 'offline';
      this.sentence = sentenceOf(error);
      this.#attempts += 1;
      this.#startTimer = setTimeout(
        () => {
          this.#startTimer = undefined;
          void this.#discover();
        },
        Math.min(15_000, 1000 * 2 ** (this.#attempts - 1)),
      );
    }
  }

  #freshTickets(): Promise<TicketResponse> {
    const now = Date.now();
    if (!this.#tickets || now - this.#tickets.at > TICKETS_SHARED) {
      this.#tickets = { at: now, answer: this.session.api.tickets() };
    }
    return this.#tickets.answer;
  }

  #addConnector({ id }: ConnectorAddress) {
    if (this.#connectors.has(id)) return;
    const link = new Link(this.openSocket, {
      ticket: async () => {
        const { connectors } = await this.#freshTickets();
        const found = connectors.find((other) => other.id === id);
        if (!found) throw new Error('This connector no longer exists.');
        return found;
      },
      since: () => {
        const seen = this.#connectors.get(id)?.lastSeen ?? 0;
        const from = seen ? seen - OVERLAP : Date.now() - FIRST_LOOKBACK;
        return new Date(from).toISOString();
      },
      opened: () => void this.#opened(id),
      status: (status, sentence) => this.#setStatus(id, status, sentence),
      activities: (activities) => this.#receive(id, activities),
    });
    this.#connectors.set(id, {
      id,
      link,
      status: 'connecting',
      sentence: '',
      lastSeen: 0,
    });
    link.start();
  }

  #setStatus(id: string, status: LinkStatus, sentence: string) {
    const connector = this.#connectors.get(id);
    if (!connector) return;
    connector.status = status;
    connector.sentence = sentence;
    if (status === 'offline') this.chat.linkLost(this.#soleConnector(id));
    const all = [...this.#connectors.values()];
    const worst =
      all.find((other) => other.status === 'offline') ??
      all.find((other) => other.status === 'connecting') ??
      connector;
    // A new attempt after a failure still counts as the same problem.
    if (worst.status === 'connecting' && this.status === 'offline') return;
    this.status = worst.status;
    this.sentence = asSentence(worst.sentence);
  }

  #soleConnector(id: string): string | undefined {
    return this.#connectors.size > 1 ? id : undefined;
  }

  #receive(id: string, activities: Activity[]) {
    const connector = this.#connectors.get(id);
    if (connector) {
      for (const activity of activities) {
        if (['send', 'add', 'remove', 'delete'].includes(activity.type)) {
          connector.lastSeen = Math.max(
            connector.lastSeen,
            publishedAt(activity, 0),
          );
        }
      }
    }
    this.chat.receive(activities);
  }

  #linkOf(network: Network): Connector | undefined {
    return (
      this.#connectors.get(network.connector) ??
      (this.#connectors.size === 1
        ? [...this.#connectors.values()][0]
        : undefined)
    );
  }

  async #opened(id: string) {
    const networks = this.chat.networks.filter(
      (network) => network.enabled && this.#linkOf(network)?.id === id,
    );
    await Promise.all(networks.map((network) => this.attach(network)));
    const unsure = new Set(this.#unsure);
    if (unsure.size) setTimeout(() => this.#giveUp(unsure), REPLAY_PATIENCE);
    const queue = this.#queue;
    this.#queue = [];
    for (const item of queue) void this.deliver(item);
    const connector = this.#connectors.get(id);
    if (connector?.lastSeen) this.life.reconnected();
    else if (connector) connector.lastSeen = Date.now();
  }

  /** Attaches to a network's always-on connection. */
  async attach(network: Network) {
    if (!network.enabled) return;
    try {
      await this.request(network, make.connect(this.actor(network, true)));
    } catch (error) {
      if (error instanceof UnknownOutcome) return;
      if (!this.#linkOf(network)?.link.connected) return;
      this.chat.setNetworkTrouble(network.id, sentenceOf(error));
    }
  }

  actor(network: Network, wanted = false): Actor {
    return {
      nick: wanted ? network.wantedNick : network.nick,
      server: network.server,
      platform: network.platform,
    };
  }

  /** Sends an activity to a network; resolves with the ack, rejects with a sentence. */
  request(network: Network, activity: Activity): Promise<Activity> {
    const connector = this.#linkOf(network);
    if (!connector) {
      return Promise.reject(new Error('The gateway is not connected yet.'));
    }
    return connector.link.request(activity);
  }

  /** Sends a message that is already shown, and tracks its delivery. */
  async deliver(item: Outgoing) {
    const network = this.chat.network(item.networkId);
    if (!network) return;
    this.outgoing.mark(item, 'pending');
    if (!this.#linkOf(network)?.link.connected) {
      this.#queue.push(item);
      return;
    }
    const type = item.kind === 'action' ? 'me' : item.kind;
    const to = {
      name: item.to,
      kind:
        item.roomKind ??
        this.chat.room(item.networkId, item.to)?.kind ??
        kindByName(item.to, network.conversations),
    };
    try {
      const ack = await this.request(
        network,
        make.send(
          this.actor(network),
          to,
          type,
          item.text,
          item.localId,
          item.replyTo,
        ),
      );
      this.outgoing.confirm(item, ack);
    } catch (error) {
      if (error instanceof UnknownOutcome) {
        this.#unsure.add(item.localId);
        // If the link is still up, no reconnection will settle it.
        if (this.#linkOf(network)?.link.connected) {
          this.#giveUp(new Set([item.localId]));
        }
      } else {
        this.outgoing.mark(item, 'failed', sentenceOf(error));
      }
    }
  }

  #giveUp(ids: ReadonlySet<string>) {
    for (const id of ids) {
      this.#unsure.delete(id);
      const item = this.outgoing.find(id);
      if (!item) continue;
      this.outgoing.mark(
        item,
        'failed',
        'The connection was lost while sending. This message may not have arrived.',
      );
    }
  }
}

declare module '@ember/service' {
  interface Registry {
    gateway: GatewayService;
  }
}
