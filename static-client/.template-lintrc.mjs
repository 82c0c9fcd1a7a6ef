export default {
  extends: 'recommended',
  rules: {
    // A field without a label of its own has an aria-label; its id is for scripts.
    'require-input-label': false,
  },
};
