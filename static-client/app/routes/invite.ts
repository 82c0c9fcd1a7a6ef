import Route from '@ember/routing/route';

export default class InviteRoute extends Route {
  model(params: { token: string }) {
    return params.token;
  }
}
