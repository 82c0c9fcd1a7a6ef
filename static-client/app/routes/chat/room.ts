import Route from '@ember/routing/route';
import { service } from '@ember/service';

import type UiService from '../../services/ui.ts';

export interface RoomModel {
  networkId: string;
  name: string;
}

export default class RoomRoute extends Route {
  @service declare ui: UiService;

  model(params: { network: string; room: string }): RoomModel {
    return { networkId: params.network, name: params.room };
  }

  afterModel() {
    this.ui.closeDrawer();
  }
}
