// A client that signs its requests (RFC 9421), by Node's own cryptography.
// usage: sign.mjs KEY                  makes a key in the file, and prints its public half
//        sign.mjs KEY KEYID ADDRESS    prints the two fields of a GET, a line each
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const [file, keyid, address] = process.argv.slice(2);
if (!keyid) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  console.log(publicKey.export({ type: 'spki', format: 'pem' }).trim());
} else {
  const { host, pathname, search } = new URL(address);
  const created = Math.floor(Date.now() / 1000);
  const params = `("@method" "@authority" "@path" "@query");created=${created};keyid="${keyid}"`;
  const base = [
    '"@method": GET',
    `"@authority": ${host}`,
    `"@path": ${pathname}`,
    `"@query": ${search || '?'}`,
    `"@signature-params": ${params}`,
  ].join('\n');
  const signature = sign(null, Buffer.from(base), readFileSync(file));
  console.log(`sig=${params}\nsig=:${signature.toString('base64')}:`);
}
