// An identity provider (npm's oidc-provider) that gives out access tokens for a client: signed ones
// for a resource, opaque ones without; bound to a key where a proof of it (DPoP) is sent.
// usage: issuer.mjs PORT KEYS WHICH    PORT 0 takes a free one; KEYS is a file with two key pairs,
// made when it is not there; WHICH says which are published, the one that signs first: 1, 21, 2.
// Prints its address when it answers.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const [port, file, which] = process.argv.slice(2);
if (!existsSync(file)) {
  const keys = [];
  for (const kid of ['1', '2']) {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    keys.push({ ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' });
  }
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
}
const pairs = JSON.parse(readFileSync(file, 'utf8'));
const keys = [...which].map((kid) => pairs.find((pair) => pair.kid === kid));
const server = createServer();
await new Promise((done) => server.listen(Number(port), '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const client = {
  client_id: 'mobile',
  client_secret: 'known-to-this-test-alone',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};
const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys },
  cookies: { keys: ['of no use here'] },
  features: {
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // https://shop.test asks for tokens for `shop`.
      getResourceServerInfo: (_, resource) => ({
        scope: 'read write',
        audience: new URL(resource).hostname.split('.')[0],
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
server.on('request', provider.callback());
console.log(issuer);
// Nobody reads what it says from here on: writing to a closed pipe would end it.
for (const name of ['log', 'info', 'warn', 'error']) console[name] = () => {};
