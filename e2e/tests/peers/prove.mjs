// A proof of possession (DPoP, RFC 9449), made by npm's jose as clients make them.
// usage: prove.mjs KEY METHOD ADDRESS [TOKEN]    KEY is a file with a key, made when it is not there.
// Prints the proof.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';

const [file, htm, htu, token] = process.argv.slice(2);
if (!existsSync(file)) {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  writeFileSync(file, JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 });
}
const own = JSON.parse(readFileSync(file, 'utf8'));
const { kty, crv, x, y } = own;
const claims = { jti: randomUUID(), htm, htu };
if (token) claims.ath = createHash('sha256').update(token).digest('base64url');
const proof = new SignJWT(claims)
  .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
  .setIssuedAt();
console.log(await proof.sign(await importJWK(own, 'ES256')));
