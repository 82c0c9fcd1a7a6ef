export default {
  extends: ['stylelint-config-standard'],
  rules: { 'import-notation': 'string' },
};
