/** The gateway that served the page, with the path that a proxy serves it under; without a slash at its end. */
export const gatewayUrl = new URL("..", document.baseURI).href.replace(
  /\/$/,
  "",
);
