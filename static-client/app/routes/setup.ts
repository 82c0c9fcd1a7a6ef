import Route from '@ember/routing/route';

export default class SetupRoute extends Route {
  model(params: { token: string }) {
    return params.token;
  }
}
