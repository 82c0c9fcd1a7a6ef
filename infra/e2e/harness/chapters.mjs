// A story in chapters: each is a separate test, and none runs after a failed one.

/**
 * Creates the function that runs a chapter. `devices()` returns those whose pictures explain a failure.
 */
export function chapters(t, devices) {
  return async function chapter(name, tell) {
    let failure;
    await t.test(name, async () => {
      try {
        await tell();
      } catch (error) {
        failure = error;
        for (const device of devices()) {
          await device.picture(`failed-${device.name}`).catch(() => {});
        }
        throw error;
      }
    });
    if (failure) throw new Error(`the story ends here: ${name}: ${failure.message}`);
  };
}
