/** Decode base64. */
export function bytes(text) {
  const letters = atob(text);
  const out = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) out[place] = letters.charCodeAt(place);
  return out;
}
