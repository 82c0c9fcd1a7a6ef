/** remoteStorage scopes in words. */
export function describeScopes(scopes: string): string {
  return scopes
    .split(/\s+/)
    .filter(Boolean)
    .map((scope) => {
      const [module, mode] = scope.split(':');
      const what = module === '*' ? 'everything' : module!;
      return `${mode === 'r' ? 'reads' : 'reads and writes'} ${what}`;
    })
    .join(', ');
}
