"use strict";

// Loaded into the proxy with `node --require`. configurable-http-proxy 5.1, like the http-proxy-3 it is made of, keeps
// a client waiting for ever when the server behind it dies in the middle of an answer. Here such an answer is broken
// off, so that whoever follows a stream knows at once and comes back.

const { IncomingMessage, ServerResponse } = require("node:http");

const { pipe } = IncomingMessage.prototype;

IncomingMessage.prototype.pipe = function pipeWithAborts(destination, options) {
  if (destination instanceof ServerResponse) {
    this.once("close", () => {
      if (!this.complete) destination.destroy();
    });
  }
  return pipe.call(this, destination, options);
};
