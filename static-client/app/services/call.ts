import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type RouterService from '@ember/routing/router-service';
import { io } from 'socket.io-client';
import { asSentence, sentenceOf } from '../lib/api.ts';
import {
  listDevices,
  openCamera,
  openMicrophone,
  openScreen,
  type Devices,
} from '../lib/call/devices.ts';
import type { OwnTracks } from '../lib/call/peer-link.ts';
import { isSpeaking, Person } from '../lib/call/person.ts';
import type {
  CallAbout,
  CallAdmission,
  CallMedia,
  PeerView,
  SignalData,
} from '../lib/call/types.ts';
import type { Room } from '../lib/chat/types.ts';
import type ActionsService from './actions.ts';
import type SessionService from './session.ts';

/** How often connections are measured, in ms. */
const MEASURE = 500;

/** What is used of a socket. */
export interface CallSocket {
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, data: unknown): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

function openSocket(url: string, auth: Record<string, unknown>): CallSocket {
  return io(url, {
    path: '/sockethub',
    auth,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });
}

export type CallPhase = 'none' | 'lobby' | 'joining' | 'in' | 'over';

interface CallChoices {
  microphone?: string;
  camera?: string;
  relay?: boolean;
  name?: string;
}

/** The call that one takes part in; it goes on while other pages are shown. */
export default class CallService extends Service {
  @service declare actions: ActionsService;
  @service declare router: RouterService;
  @service declare session: SessionService;

  @tracked phase: CallPhase = 'none';
  @tracked token = '';
  @tracked about: CallAbout | undefined;
  @tracked people: Person[] = [];
  @tracked devices: Devices = { microphones: [], cameras: [] };
  @tracked microphone: MediaStreamTrack | undefined;
  @tracked camera: MediaStreamTrack | undefined;
  @tracked screen: MediaStreamTrack | undefined;
  /** Whether the microphone is silenced. */
  @tracked muted = false;
  @tracked ownLevel = 0;
  @tracked interrupted = false;
  /** What went wrong with the call, and with a device. */
  @tracked sentence = '';
  @tracked deviceSentence = '';
  @tracked choices: CallChoices = {};

  openSocket = openSocket;

  #socket: CallSocket | undefined;
  #configuration: RTCConfiguration = {};
  #timer: ReturnType<typeof setInterval> | undefined;
  #arrived = false;

  get name(): string {
    return this.session.account || this.choices.name || '';
  }

  get speaking(): boolean {
    return !this.muted && isSpeaking(this.ownLevel);
  }

  get ownPicture(): MediaStreamTrack | undefined {
    return this.screen ?? this.camera;
  }

  get media(): CallMedia {
    return {
      audio: Boolean(this.microphone) && !this.muted,
      video: Boolean(this.camera),
      screen: Boolean(this.screen),
    };
  }

  get #tracks(): OwnTracks {
    return { audio: this.microphone ?? null, video: this.ownPicture ?? null };
  }

  /** Starts a call and says its link in the room. */
  async start(room: Room, guests: boolean) {
    const target = room.kind === 'server' ? '' : room.name;
    const { token, link } = await this.session.api.addCall(target, guests);
    this.actions.say(room, 'action', `started a call, join at ${link}`);
    this.router.transitionTo('call', token);
  }

  /** Opens the page of a call; the one that is going on stays if it is that. */
  async enter(token: string) {
    if (token === this.token && this.phase !== 'over') return;
    this.hangUp();
    this.token = token;
    this.about = undefined;
    this.sentence = '';
    this.choices = (this.session.store.get('call') as CallChoices) ?? {};
    this.phase = 'lobby';
    try {
      this.about = await this.session.api.call(token);
    } catch (error) {
      this.sentence = sentenceOf(error);
      this.phase = 'over';
      return;
    }
    await this.toggleMicrophone(true);
    await this.toggleCamera(true);
  }

  choose(choices: CallChoices) {
    this.choices = { ...this.choices, ...choices };
    this.session.store.set('call', this.choices);
  }

  async join() {
    if (this.phase !== 'lobby') return;
    this.phase = 'joining';
    this.sentence = '';
    let admission: CallAdmission;
    try {
      admission = await this.session.api.joinCall(
        this.token,
        this.session.signedIn ? undefined : this.name,
      );
    } catch (error) {
      this.sentence = sentenceOf(error);
      this.phase = 'lobby';
      return;
    }
    this.#configuration = {
      iceServers: admission.ice_servers,
      ...(this.choices.relay ? { iceTransportPolicy: 'relay' } : {}),
    };
    this.#connect(admission);
  }

  /** Leaves the call, and gives the devices back. */
  hangUp() {
    clearInterval(this.#timer);
    window.removeEventListener('online', this.#networkChanged);
    window.removeEventListener('pagehide', this.#leave);
    this.#leave();
    this.#socket?.disconnect();
    this.#socket = undefined;
    for (const person of this.people) person.close();
    this.people = [];
    for (const track of [this.microphone, this.camera, this.screen]) {
      track?.stop();
    }
    this.microphone = this.camera = this.screen = undefined;
    this.interrupted = false;
    this.deviceSentence = '';
    this.ownLevel = 0;
    this.muted = false;
    if (this.phase !== 'none') this.phase = 'over';
  }

  async toggleMicrophone(on = !this.microphone || this.muted) {
    if (on && !this.microphone) {
      this.microphone = await this.#open(() =>
        openMicrophone(this.choices.microphone ?? ''),
      );
    }
    this.muted = !on;
    if (this.microphone) this.microphone.enabled = on;
    await this.#changed();
  }

  async toggleCamera(on = !this.camera) {
    if (on && !this.camera) {
      this.camera = await this.#open(() =>
        openCamera(this.choices.camera ?? ''),
      );
    } else if (!on) {
      // Not only silenced: its light goes out.
      this.camera?.stop();
      this.camera = undefined;
    }
    await this.#changed();
  }

  async toggleScreen() {
    if (this.screen) {
      this.screen.stop();
      this.screen = undefined;
    } else {
      this.screen = await this.#open(openScreen);
      // The browser has a button of its own that ends it.
      this.screen?.addEventListener('ended', () => {
        this.screen = undefined;
        void this.#changed();
      });
    }
    await this.#changed();
  }

  async useMicrophone(id: string) {
    this.choose({ microphone: id });
    this.microphone?.stop();
    this.microphone = undefined;
    await this.toggleMicrophone(true);
  }

  async useCamera(id: string) {
    this.choose({ camera: id });
    this.camera?.stop();
    this.camera = undefined;
    await this.toggleCamera(true);
  }

  willDestroy() {
    this.hangUp();
    super.willDestroy();
  }

  async #open<T>(open: () => Promise<T>): Promise<T | undefined> {
    const { token } = this;
    try {
      const track = await open();
      this.deviceSentence = '';
      this.devices = await listDevices();
      if (token === this.token && this.phase !== 'over') return track;
      (track as MediaStreamTrack | undefined)?.stop();
    } catch (error) {
      this.deviceSentence = sentenceOf(error);
    }
    return undefined;
  }

  /** Sends the tracks that there are now, and says so. */
  async #changed() {
    await Promise.all(
      this.people.map(({ link }) => link.setTracks(this.#tracks)),
    );
    this.#socket?.emit('media', this.media);
  }

  #connect({ url, ticket }: CallAdmission) {
    const socket = this.openSocket(`${url}/calls`, { ticket });
    this.#socket = socket;
    this.#arrived = false;
    socket.on('welcome', ({ peers }: { peers: PeerView[] }) => {
      const back = this.#arrived;
      this.#arrived = true;
      this.interrupted = false;
      this.phase = 'in';
      this.#welcome(peers, back);
      socket.emit('media', this.media);
    });
    socket.on('joined', (view: PeerView) => this.#add(view, false));
    socket.on('returned', (view: PeerView) => {
      const known = this.#person(view.peer);
      if (known) known.link.restart();
      else this.#add(view, false);
    });
    socket.on('left', ({ peer }: { peer: string }) => this.#remove(peer));
    socket.on(
      'media',
      ({ peer, media }: { peer: string; media: CallMedia }) => {
        const person = this.#person(peer);
        if (person) person.media = media;
      },
    );
    socket.on('signal', (signal: { from: string; data: SignalData }) =>
      this.#person(signal.from)?.link.receive(signal.data),
    );
    socket.on('refused', ({ error }: { error: string }) => {
      this.sentence = asSentence(error);
      if (this.#arrived) return;
      socket.disconnect();
      this.phase = 'lobby';
    });
    socket.on('connect_error', () => {
      this.interrupted = true;
    });
    socket.on('disconnect', (reason: string) => {
      this.interrupted = reason !== 'io client disconnect';
      // A server that restarts closes sockets in order; only then none comes back by itself.
      if (reason === 'io server disconnect' && this.phase === 'in') {
        socket.connect();
      }
    });
    window.addEventListener('online', this.#networkChanged);
    window.addEventListener('pagehide', this.#leave);
    this.#timer = setInterval(() => void this.#measure(), MEASURE);
  }

  #welcome(peers: PeerView[], back: boolean) {
    for (const person of this.people) {
      if (!peers.some(({ peer }) => peer === person.peer)) {
        this.#remove(person.peer);
      }
    }
    for (const view of peers) {
      const known = this.#person(view.peer);
      if (known) {
        known.media = view.media;
        known.link.restart();
      } else {
        // Whoever came while we were away has offered already, and does so again.
        this.#add(view, !back);
      }
    }
  }

  #add(view: PeerView, offers: boolean) {
    if (this.#person(view.peer)) return;
    const send = (data: SignalData) =>
      this.#socket?.emit('signal', { to: view.peer, data });
    this.people = [
      ...this.people,
      new Person(view, this.#configuration, offers, this.#tracks, send),
    ];
  }

  #remove(peer: string) {
    this.#person(peer)?.close();
    this.people = this.people.filter((person) => person.peer !== peer);
  }

  #person(peer: string): Person | undefined {
    return this.people.find((person) => person.peer === peer);
  }

  #networkChanged = () => {
    for (const { link } of this.people) link.restart();
  };

  #leave = () => {
    this.#socket?.emit('leave', {});
  };

  async #measure() {
    await Promise.all(this.people.map((person) => person.measure()));
    this.ownLevel = Math.max(
      0,
      ...this.people.map(({ measured }) => measured.ownLevel),
    );
  }
}

declare module '@ember/service' {
  interface Registry {
    call: CallService;
  }
}
