import { flag, text, type ResourceKind } from "./resource-kind.ts";
import { identifier, missing, queryOne, sqlState } from "./server.ts";

/** `postgresql.GrantRole`: membership of one role in another. */
export const grantRole: ResourceKind = {
  required: ["grantRole", "role"],
  replacedBy: ["grantRole", "role", "withAdminOption"],

  async create(server, inputs) {
    const [role, group] = [text(inputs, "role") ?? "", text(inputs, "grantRole") ?? ""];
    const admin = flag(inputs, "withAdminOption");
    await server.transaction((session) =>
      session.query(
        `GRANT ${identifier(group)} TO ${identifier(role)}${admin ? " WITH ADMIN OPTION" : ""}`,
      ),
    );
    return { id: `${role}_${group}_${String(admin)}`, outputs: inputs };
  },

  update: (_server, _id, _before, after) => Promise.resolve(after),

  async read(server, _id, inputs) {
    const row = await server.session((session) =>
      queryOne<{ admin: boolean }>(
        session,
        `SELECT bool_or(admin_option) AS admin FROM pg_auth_members
         WHERE pg_get_userbyid(roleid) = $1 AND pg_get_userbyid(member) = $2 HAVING count(*) > 0`,
        [text(inputs, "grantRole"), text(inputs, "role")],
      ),
    );
    if (row === undefined) return undefined;
    return { ...inputs, ...("withAdminOption" in inputs ? { withAdminOption: row.admin } : {}) };
  },

  async delete(server, _id, inputs) {
    const [role, group] = [text(inputs, "role") ?? "", text(inputs, "grantRole") ?? ""];
    try {
      await server.session((session) =>
        session.query(`REVOKE ${identifier(group)} FROM ${identifier(role)}`),
      );
    } catch (error) {
      if (sqlState(error) !== missing.object) throw error;
    }
  },
};
