// Passes a request to the instance that it names: workerd opens one port, and each Worker is a separate isolate.
export default {
  fetch(request, env) {
    const instance = request.headers.get("x-instance") === "1" ? env.SECOND : env.FIRST;
    return instance.fetch(request);
  },
};
