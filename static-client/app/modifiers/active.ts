import Modifier, { type ArgsFor } from 'ember-modifier';
import { registerDestructor } from '@ember/destroyable';
import { service } from '@ember/service';
import type ChatService from '../services/chat.ts';
import type PreferencesService from '../services/preferences.ts';

interface Signature {
  Element: HTMLElement;
  Args: { Positional: [string] };
}

/** Reports which room is on the screen. */
export default class Active extends Modifier<Signature> {
  @service declare chat: ChatService;
  @service declare preferences: PreferencesService;

  modify(_: HTMLElement, [key]: ArgsFor<Signature>['positional']) {
    // After rendering: the sidebar shows it too.
    queueMicrotask(() => {
      this.chat.activeKey = key;
      if (!key.endsWith('/*')) this.preferences.setLastRoom(key);
    });
    registerDestructor(this, () => {
      queueMicrotask(() => {
        if (this.chat.activeKey === key) this.chat.activeKey = undefined;
      });
    });
  }
}
