import Service from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type { Connection } from '../lib/chat/types.ts';

export type Dialog =
  | { kind: 'join'; networkId: string }
  | { kind: 'invite' }
  | { kind: 'network'; connection?: Connection }
  | { kind: 'switcher' }
  | { kind: 'topic'; key: string }
  | { kind: 'call'; key: string }
  | { kind: 'webhooks'; key: string }
  | { kind: 'mail'; key: string }
  | { kind: 'help' }
  | { kind: 'person'; networkId: string; nick: string };

/** What is open on the screen. */
export default class UiService extends Service {
  @tracked dialog: Dialog | undefined;
  /** The drawer that is open on a narrow screen. */
  @tracked drawer: 'navigation' | 'members' | undefined;
  /** The member list on a wide screen. */
  @tracked membersShown = true;
  /** Said to screen readers. */
  @tracked announcement = '';

  open = (dialog: Dialog) => {
    this.drawer = undefined;
    this.dialog = dialog;
  };

  close = () => {
    this.dialog = undefined;
  };

  openDrawer = (drawer: 'navigation' | 'members') => {
    this.drawer = this.drawer === drawer ? undefined : drawer;
  };

  closeDrawer = () => {
    this.drawer = undefined;
  };

  announce(text: string) {
    this.announcement = text;
  }
}

declare module '@ember/service' {
  interface Registry {
    ui: UiService;
  }
}
