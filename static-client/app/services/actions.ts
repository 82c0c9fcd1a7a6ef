import Service, { service } from '@ember/service';
import type RouterService from '@ember/routing/router-service';
import { make } from '../lib/activities.ts';
import { asSentence, sentenceOf } from '../lib/api.ts';
import type { NewConnection } from '../lib/protocol.ts';
import { same } from '../lib/casemapping.ts';
import { kindByName } from '../lib/conversations.ts';
import type { Outgoing } from '../lib/chat/outbox.ts';
import {
  SERVER_ROOM,
  type Network,
  type Room,
  type RoomKind,
} from '../lib/chat/types.ts';
import { carryOut, type CommandActions } from '../lib/commands.ts';
import type { AccountObject, ListedRoom } from '../lib/protocol-activities.ts';
import { describeWhois } from '../lib/whois.ts';
import type ChatService from './chat.ts';
import type GatewayService from './gateway.ts';
import type HistoryService from './history.ts';
import type OutgoingService from './outgoing.ts';
import type PreferencesService from './preferences.ts';
import type SessionService from './session.ts';
import type UiService from './ui.ts';

/** What other devices are told by a message, and this one by the ack. */
const TOLD_BY_ACK = ['join', 'leave', 'update', 'add', 'remove', 'delete'];

/** What a user can do, whether by command, button or key. */
export default class ActionsService extends Service implements CommandActions {
  @service declare chat: ChatService;
  @service declare gateway: GatewayService;
  @service declare history: HistoryService;
  @service declare outgoing: OutgoingService;
  @service declare preferences: PreferencesService;
  @service declare router: RouterService;
  @service declare session: SessionService;
  @service declare ui: UiService;

  /** Carries out input in a room. Returns a sentence if it cannot be attempted. */
  submit(room: Room, input: string): string {
    const network = this.chat.network(room.networkId);
    if (!network) return 'This network was removed.';
    const outcome = carryOut(this, { network, room }, input);
    if (outcome instanceof Promise) {
      void this.#tellOf(room, outcome);
      return '';
    }
    return outcome ?? '';
  }

  /** Shows a message at once and sends it. */
  say(room: Room, kind: Outgoing['kind'], text: string) {
    const replyTo =
      kind === 'message' ? this.ui.takeReply(room.key) : undefined;
    void this.gateway.deliver(this.outgoing.add(room, kind, text, replyTo));
  }

  /** Reacts to a message, or takes that back. */
  async react(room: Room, id: string, emoji: string, removed = false) {
    await this.#about(room, (actor) =>
      make.react(actor, room, emoji, id, removed),
    );
  }

  /** Changes what a message says. Returns a sentence if that was refused. */
  async edit(room: Room, id: string, text: string): Promise<string> {
    const network = this.chat.network(room.networkId);
    if (!network) return 'This network was removed.';
    try {
      await this.#request(network, (actor) => make.edit(actor, room, id, text));
      return '';
    } catch (error) {
      return asSentence(sentenceOf(error));
    }
  }

  /** Deletes a message for everyone whom that reaches. */
  async remove(room: Room, id: string) {
    await this.#about(room, (actor) => make.remove(actor, room, id));
  }

  async #about(
    room: Room,
    activity: (
      actor: ReturnType<GatewayService['actor']>,
    ) => ReturnType<typeof make.connect>,
  ) {
    const network = this.chat.network(room.networkId);
    if (!network) return;
    try {
      await this.#request(network, activity);
    } catch (error) {
      this.chat.tell(room.key, 'error', asSentence(sentenceOf(error)));
    }
  }

  retry(id: string) {
    const item = this.outgoing.find(id);
    if (item) void this.gateway.deliver(item);
  }

  go(room: Room) {
    this.ui.closeDrawer();
    this.router.transitionTo('chat.room', room.networkId, room.name);
  }

  /** Opens a direct conversation. */
  talkTo(networkId: string, nick: string, text = '') {
    const room = this.chat.openRoom(networkId, nick, 'direct');
    if (!room) return;
    this.preferences.setClosed(room.key, undefined);
    this.chat.applyMarkers(new Map(), Date.now());
    if (text) this.say(room, 'message', text);
    this.go(room);
    void this.history.loadOlder(room.key);
  }

  async join(network: Network, channel: string, key?: string) {
    await this.#request(network, (actor) => make.join(actor, channel, key));
    const room = this.chat.openRoom(network.id, channel, 'channel');
    this.chat.applyMarkers(new Map(), Date.now());
    if (room) {
      this.preferences.setClosed(room.key, undefined);
      this.go(room);
      void this.history.loadOlder(room.key);
    }
  }

  /** The password with which a channel was joined. */
  #keyOf(network: Network, name: string): string | undefined {
    return this.chat.connections
      .find(({ id }) => id === network.id)
      ?.channels.map((channel) => channel.split(' '))
      .find(([channel]) => same(channel!, name, network.casemapping))?.[1];
  }

  /** Offers to rejoin, since leaving may have been a mistake. */
  #offerBack({ networkId, kind, name }: Room, key: string | undefined) {
    this.ui.offer({
      text:
        kind === 'direct'
          ? `You closed the conversation with ${name}.`
          : `You left ${name}.`,
      stands: () => {
        const again = this.chat.room(networkId, name);
        return kind === 'direct' ? !again : !again?.joined;
      },
      undo: () => {
        const current = this.chat.network(networkId);
        if (!current) return;
        if (kind === 'direct') this.talkTo(networkId, name);
        else {
          this.join(current, name, key).catch((error: unknown) => {
            const here = this.chat.activeKey;
            if (here) {
              this.chat.tell(here, 'error', asSentence(sentenceOf(error)));
            }
          });
        }
      },
    });
  }

  /** Leaves a channel or closes a direct conversation, with the option to undo. */
  async part(network: Network, name: string, reason = '') {
    const room = this.chat.room(network.id, name);
    const kind = room?.kind ?? kindByName(name, network.conversations);
    if (kind === 'channel' && (room?.joined ?? true)) {
      await this.#request(network, (actor) => make.leave(actor, name, reason));
    }
    if (!room) return;
    const password = this.#keyOf(network, room.name);
    const open = room.key === this.chat.activeKey;
    this.chat.closeRoom(room.key);
    // Viewing a channel again that was not joined undoes nothing.
    if (kind !== 'channel' || room.joined) this.#offerBack(room, password);
    if (!open) return;
    const next = this.chat
      .roomsOf(network)
      .find(({ kind }) => kind !== 'server');
    if (next) this.go(next);
    else this.router.transitionTo('chat.index');
  }

  kindOf(network: Network, name: string): RoomKind | undefined {
    return this.chat.room(network.id, name)?.kind;
  }

  message(network: Network, to: string, text: string): string {
    const target = this.chat.room(network.id, to);
    const kind = target?.kind ?? kindByName(to, network.conversations);
    if (kind !== 'channel') {
      this.talkTo(network.id, to, text);
      return '';
    }
    if (!target) return `You are not in ${to}; join it with /join ${to}.`;
    if (text) this.say(target, 'message', text);
    this.go(target);
    return '';
  }

  async notice(network: Network, to: string, text: string) {
    const kind =
      this.kindOf(network, to) ?? kindByName(to, network.conversations);
    await this.#request(network, (actor) =>
      make.send(actor, { name: to, kind }, 'notice', text),
    );
  }

  async nick(network: Network, nick: string) {
    await this.#request(network, (actor) => make.nick(actor, nick));
  }

  async invite(network: Network, nick: string, channel: string) {
    await this.#request(network, (actor) => make.invite(actor, nick, channel));
  }

  async away(network: Network, text: string) {
    await this.#request(network, (actor) => make.away(actor, text));
  }

  topicOf(network: Network, channel: string): string {
    return this.chat.room(network.id, channel)?.topic ?? '';
  }

  async setTopic(network: Network, channel: string, text: string) {
    await this.#request(network, (actor) => make.topic(actor, channel, text));
  }

  async whois(network: Network, nick: string): Promise<string> {
    const ack = await this.#request(network, (actor) =>
      make.whois(actor, nick),
    );
    const { object } = ack;
    return describeWhois(object?.type === 'whois' ? object : undefined, nick);
  }

  async listRooms(network: Network): Promise<ListedRoom[]> {
    const ack = await this.#request(network, (actor) => make.rooms(actor));
    const items = ack.object?.type === 'rooms' ? ack.object.items : undefined;
    return Array.isArray(items) ? items : [];
  }

  /** Registers the nickname with the network, or confirms that; the answer says how far it is. */
  async account(
    network: Network,
    account: AccountObject,
  ): Promise<AccountObject> {
    const ack = await this.#request(network, (actor) =>
      make.account(actor, account),
    );
    return ack.object?.type === 'account' ? ack.object : {};
  }

  /** Signs in with an account of the network whenever it connects. */
  async useAccount(
    { id, wantedNick }: Network,
    name: string,
    password: string,
  ) {
    const connection = this.chat.connections.find((known) => known.id === id);
    await this.changeNetwork(id, {
      password,
      sasl: true,
      ...(name === wantedNick ? {} : { nick: name }),
      // The account is what one signs in as.
      ...(connection?.['username'] ? { username: name } : {}),
    });
  }

  async addNetwork(settings: NewConnection) {
    const connection = await this.session.api.addConnection(settings);
    this.chat.setConnection(connection);
    const network = this.chat.network(connection.id);
    if (network) {
      // Its page shows the connection's progress, or why it fails.
      this.router.transitionTo('chat.room', network.id, SERVER_ROOM);
      void this.gateway.attach(network);
    }
    return connection;
  }

  async changeNetwork(id: string, settings: Partial<NewConnection>) {
    this.chat.setConnection(
      await this.session.api.changeConnection(id, settings),
    );
    const network = this.chat.network(id);
    if (network) void this.gateway.attach(network);
  }

  async setEnabled(id: string, enabled: boolean) {
    this.chat.setConnection(
      await this.session.api.changeConnection(id, { enabled }),
    );
    const network = this.chat.network(id);
    if (network && enabled) {
      this.chat.update((draft) => {
        const changed = draft.network(id);
        if (changed) {
          changed.status = 'connecting';
          changed.sentence = 'Connecting.';
        }
      });
      void this.gateway.attach(network);
    }
  }

  /** Immediately tries to connect to a network that could not be reached. */
  async reconnect(id: string) {
    await this.setEnabled(id, true);
  }

  async removeNetwork(id: string) {
    const open = this.chat.activeRoom?.networkId === id;
    await this.session.api.removeConnection(id);
    this.chat.dropConnection(id);
    if (open) this.router.transitionTo('chat.index');
  }

  async #request(
    network: Network,
    activity: (
      actor: ReturnType<GatewayService['actor']>,
    ) => ReturnType<typeof make.connect>,
  ) {
    const ack = await this.gateway.request(
      network,
      activity(this.gateway.actor(network)),
    );
    // Other devices are told by a message, this one by the ack.
    if (TOLD_BY_ACK.includes(ack.type)) {
      this.chat.receive([ack]);
    }
    return ack;
  }

  help() {
    this.ui.open({ kind: 'help' });
  }

  /** The result of work, or its error, is shown in the room where it was requested. */
  async #tellOf(room: Room, work: Promise<unknown>) {
    try {
      const said = await work;
      if (typeof said === 'string') this.chat.tell(room.key, 'info', said);
    } catch (error) {
      this.chat.tell(room.key, 'error', asSentence(sentenceOf(error)));
    }
  }
}

declare module '@ember/service' {
  interface Registry {
    actions: ActionsService;
  }
}
