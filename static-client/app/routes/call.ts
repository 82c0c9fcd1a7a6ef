import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type CallService from '../services/call.ts';

export default class CallRoute extends Route {
  @service declare call: CallService;

  model({ token }: { token: string }) {
    // Devices are requested while the page is shown already.
    void this.call.enter(token);
    return token;
  }

  deactivate() {
    this.call.leavePage();
  }
}
