import { describe, expect, it } from "vitest";

import { clearSecrets } from "../../infra/config/stack-file.ts";

describe("clearSecrets", () => {
  it("finds a clear secret beside an encrypted one", () => {
    const text = `
config:
  pool-migration:router:
    agentToken:
      secure: v1:abc
    override:
      token: swordfish
  pool-migration:database:
    host: db
    admin:
      user: postgres
      password: 12345678
`;
    expect(clearSecrets(text)).toEqual(["router.override.token", "database.admin.password"]);
  });

  it.each(["", "config: {}", "encryptionsalt: x", "config:\n  pool-migration:router: text"])(
    "finds none in %j",
    (text) => {
      expect(clearSecrets(text)).toEqual([]);
    },
  );
});
