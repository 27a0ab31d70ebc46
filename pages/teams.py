"""Who else may see my accounts? Teams with their members and roles, invitations, and what is shared with whom."""

import streamlit as st

from allocation.allocation import Session
from allocation.authorisation import Role, TeamVerb
from allocation.errors import InvitationError
from allocation.model import Account
from allocation.teams import LONGEST_TEAM_NAME, Invitation, Member, Share, Team
from pages.shared import invitation
from pages.shared.cache import workbench
from pages.shared.look import account_label, literal
from pages.shared.sharing import MEANS, MEANS_IN_TEAM, ask_role, attempt, chosen_role, show_outcome
from pages.shared.state import require_session, signed_in

_LINK = "teams.link"


def show_page() -> None:
    """An invitation to decide on, the teams there are, and how to begin one."""
    session = require_session()
    st.title("Sharing", anchor=False)
    if session.user.demo:
        st.info(
            "The demo is yours alone: nothing in it can be shared. Sign in to share accounts with a team.",
            icon=":material/group:",
        )
        return
    show_outcome()
    show_offer(session)
    st.caption(
        "A team sees the accounts its members share with it. What a member may do with one is the smaller of two roles: "
        "theirs in the team, and the one up to which the account is shared."
    )
    teams = workbench().teams.teams(session.user.id)
    if not teams and not invitation.held():
        show_empty()
    accounts = shareable(session)
    for team in teams:
        show_team(session, team, accounts)
    show_new_team(expanded=not teams)


def shareable(session: Session) -> tuple[Account, ...]:
    """The user's accounts that are theirs to share."""
    listed = session.accounts.list()
    return tuple(account for account in listed if session.accounts.role(account.id) == Role.OWNER)


def show_empty() -> None:
    """No team yet."""
    st.info(
        "You are in no team yet. Create one, invite the people you share accounts with, and choose what they see.",
        icon=":material/group_add:",
    )


# ── An invitation ───────────────────────────────────────────────────────────────────────────────────────────────────


def show_offer(session: Session) -> None:
    """The invitation this visitor came with; only a click accepts it."""
    token = invitation.held()
    if not token:
        return
    try:
        offer = workbench().teams.offer(session.user.id, token)
    except InvitationError as error:
        invitation.put_away()
        st.error(literal(str(error)), icon=":material/link_off:")
        return
    with st.container(border=True, key="teams-offer"):
        st.subheader(f"Join {literal(offer.team_name)}?", anchor=False)
        st.markdown(
            f"{literal(offer.invited_by)} invites you as **{offer.role}**: somebody who {MEANS_IN_TEAM[offer.role]}. "
            "The members will see your name and address, and those of your accounts that you share."
        )
        with st.container(horizontal=True):
            st.button("Join the team", key="teams.join", type="primary", icon=":material/group_add:", on_click=join)
            st.button("No, thanks", key="teams.decline", on_click=decline)


@signed_in
def join() -> None:
    """Callback: accept the invitation."""
    token = invitation.held()
    invitation.put_away()
    attempt(lambda user: workbench().teams.accept(user, token), "You are in the team.")


@signed_in
def decline() -> None:
    """Callback: forget the invitation; its sender may withdraw it."""
    invitation.put_away()


# ── A team ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_team(session: Session, team: Team, accounts: tuple[Account, ...]) -> None:
    """One team as a card: what it shares, who is in it, who is invited."""
    with st.container(border=True, key=f"teams-card-{team.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(literal(team.name), anchor=False, width="content")
            st.badge(f"You: {team.role}", icon=":material/person:")
            st.space("stretch")
            show_team_actions(session, team)
        st.markdown(f"**Shared accounts** · {len(team.shares)}")
        for share in team.shares:
            show_share(session, team, share)
        show_sharing(team, accounts)
        st.divider()
        st.markdown(f"**Members** · {len(team.members)}")
        for member in team.members:
            show_member(session, team, member)
        if team.may(TeamVerb.INVITE):
            show_inviting(team)


def show_team_actions(session: Session, team: Team) -> None:
    """Rename, leave or remove; each with a second, deliberate click."""
    if team.may(TeamVerb.RENAME_TEAM):
        with st.popover("Rename", width="content"):
            key = f"teams.name.{team.id}"
            st.text_input("Name of the team", team.name, key=key, max_chars=LONGEST_TEAM_NAME)
            st.button("Save name", key=f"teams.rename.{team.id}", on_click=rename, args=(team.id, key))
    last = team.is_last_owner(session.user.id)
    why = "A team needs an owner: make somebody else one first, or remove the team." if last else None
    with st.popover("Leave", width="content", disabled=last, help=why):
        st.write(f"Leave {literal(team.name)}? The accounts you share with it go with you.")
        me = session.user.id
        st.button("Leave the team", key=f"teams.leave.{team.id}", on_click=remove_member, args=(team.id, me))
    if team.may(TeamVerb.REMOVE_TEAM):
        with st.popover("Remove", width="content"):
            st.write(f"Remove {literal(team.name)}? Nobody sees an account by it any more. This cannot be undone.")
            key = f"teams.remove.{team.id}"
            st.button("Remove for good", key=key, icon=":material/delete:", on_click=remove_team, args=(team.id,))


@signed_in
def rename(team_id: str, key: str) -> None:
    """Callback: give the team the name in the field."""
    name = st.session_state.get(key)
    if name is None:
        return
    attempt(lambda user: workbench().teams.rename_team(user, team_id, name), "The team has its new name.")


@signed_in
def remove_team(team_id: str) -> None:
    """Callback: end the team."""
    attempt(lambda user: workbench().teams.remove_team(user, team_id), "The team is removed.")


# ── Its members ─────────────────────────────────────────────────────────────────────────────────────────────────────


def show_member(session: Session, team: Team, member: Member) -> None:
    """One member: who, since when, with which role; an owner may change it."""
    me = member.user_id == session.user.id
    with st.container(horizontal=True, vertical_alignment="center", key=f"teams-member-{team.id}-{member.user_id}"):
        name = f"{member.name} (you)" if me else member.name
        since = f"since {member.joined_at.day} {member.joined_at:%b %Y}"
        about = " · ".join(filter(None, (member.email if member.email != member.name else "", since)))
        st.markdown(f"{literal(name)}  \n:small[{literal(about)}]", width="stretch")
        if not team.may(TeamVerb.CHANGE_ROLES) or team.is_last_owner(member.user_id):
            st.badge(member.role.value, color="gray")
            return
        key = f"teams.role.{team.id}.{member.user_id}"
        ask_role(f"Role of {literal(member.name)}", key, member.role, change_role, (team.id, member.user_id, key))
        if not me:
            with st.popover("Remove", width="content"):
                st.write(f"Take {literal(member.name)} out of {literal(team.name)}, with the accounts they share?")
                arguments = (team.id, member.user_id)
                st.button("Take out", key=f"teams.out.{key}", on_click=remove_member, args=arguments)


@signed_in
def change_role(team_id: str, member_id: str, key: str) -> None:
    """Callback: give a member the role chosen."""
    role = chosen_role(key)
    if role is None:
        return
    attempt(lambda user: workbench().teams.change_role(user, team_id, member_id, role), "The role is changed.")


@signed_in
def remove_member(team_id: str, member_id: str) -> None:
    """Callback: take a member out, or leave."""
    done = "You left the team." if member_id == require_session().user.id else "They are out of the team."
    attempt(lambda user: workbench().teams.remove_member(user, team_id, member_id), done)


# ── Invitations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def show_inviting(team: Team) -> None:
    """A link for one person, shown once; and the links that are still open."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"teams-invite-{team.id}"):
        st.caption("Invite somebody as", width="content")
        role_key = f"teams.invite.role.{team.id}"
        ask_role("Role of whoever is invited", role_key)
        st.button(
            "Create a link",
            key=f"teams.invite.{team.id}",
            icon=":material/link:",
            on_click=invite,
            args=(team.id, role_key),
        )
    team_of_link, link = st.session_state.get(_LINK, ("", ""))
    if team_of_link == team.id:
        st.code(link, language=None, wrap_lines=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Send it to one person. It works once, for seven days, and is not shown again.", width="content")
            st.button("Done", key=f"teams.link.done.{team.id}", on_click=put_link_away)
    for sent in team.invitations:
        show_invitation(team, sent)


def show_invitation(team: Team, sent: Invitation) -> None:
    """An open invitation, and the way to withdraw it."""
    left = f"valid until {sent.expires_at.day} {sent.expires_at:%b %Y}"
    with st.container(horizontal=True, vertical_alignment="center", key=f"teams-invitation-{sent.id}"):
        st.caption(f":material/mail: Open link for a {sent.role} by {literal(sent.invited_by)}, {left}")
        st.button("Withdraw", key=f"teams.withdraw.{sent.id}", on_click=withdraw, args=(team.id, sent.id))


@signed_in
def invite(team_id: str, key: str) -> None:
    """Callback: make a link for the role chosen."""
    role = chosen_role(key)
    if role is None:
        return

    def make(user: str) -> None:
        st.session_state[_LINK] = (team_id, invitation.link_to(workbench().teams.invite(user, team_id, role)))

    attempt(make, "")


@signed_in
def put_link_away() -> None:
    """Callback: the link was sent, or is void; it is not shown again."""
    st.session_state.pop(_LINK, None)


@signed_in
def withdraw(team_id: str, invitation_id: str) -> None:
    """Callback: make a link void."""
    attempt(lambda user: workbench().teams.withdraw(user, team_id, invitation_id), "The link is void.")


# ── Shared accounts ─────────────────────────────────────────────────────────────────────────────────────────────────


def show_share(session: Session, team: Team, share: Share) -> None:
    """An account the team sees, up to which role, and the end of it for whoever may end it."""
    mine = share.owner_id == session.user.id
    with st.container(horizontal=True, vertical_alignment="center", key=f"teams-share-{share.id}"):
        whose = "yours" if mine else f"of {share.owner_name}"
        st.markdown(f":material/account_balance: {literal(share.account_name)} · {literal(whose)}", width="stretch")
        if mine:
            key = f"teams.cap.{share.id}"
            label = f"Members may with {literal(share.account_name)} at most be"
            ask_role(label, key, share.role, change_cap, (team.id, share.id, key))
        else:
            st.badge(f"up to {share.role}", color="gray")
        if mine or team.may(TeamVerb.TAKE_OUT):
            st.button("Stop sharing", key=f"teams.unshare.{share.id}", on_click=unshare, args=(share.id,))


def show_sharing(team: Team, accounts: tuple[Account, ...]) -> None:
    """Share another account, or the same up to another role."""
    if not accounts:
        st.caption("You have no account of your own to share yet.")
        return
    labels = {account.id: account_label(account) for account in accounts}
    account_key, role_key = f"teams.share.account.{team.id}", f"teams.share.role.{team.id}"
    with st.popover("Share an account", icon=":material/share:", width="content"):
        st.selectbox("Account", list(labels), key=account_key, format_func=labels.__getitem__)
        st.radio(
            "Members may at most be",
            list(Role),
            key=role_key,
            format_func=lambda role: role.value.capitalize(),
            captions=list(MEANS.values()),
        )
        key = f"teams.share.{team.id}"
        st.button("Share", key=key, type="primary", on_click=share_account, args=(team.id, account_key, role_key))


@signed_in
def share_account(team_id: str, account_key: str, role_key: str) -> None:
    """Callback: share the account chosen."""
    account_id, role = st.session_state.get(account_key), chosen_role(role_key)
    if account_id is None or role is None:
        return
    attempt(lambda user: workbench().teams.share(user, account_id, team_id, role), "The account is shared.")


@signed_in
def change_cap(team_id: str, share_id: str, key: str) -> None:
    """Callback: share one's account up to another role."""
    role = chosen_role(key)
    if role is None:
        return
    attempt(lambda user: workbench().teams.share(user, share_id, team_id, role), f"It is shared up to {role} now.")


@signed_in
def unshare(share_id: str) -> None:
    """Callback: end a share."""
    attempt(lambda user: workbench().teams.unshare(user, share_id), "The account is not shared any more.")


# ── A new team ──────────────────────────────────────────────────────────────────────────────────────────────────────


def show_new_team(*, expanded: bool) -> None:
    """Begin a team."""
    with st.expander("New team", icon=":material/group_add:", expanded=expanded), st.form("teams.new", border=False):
        st.text_input("Name of the team", key="teams.new.name", max_chars=LONGEST_TEAM_NAME, placeholder="Family")
        st.form_submit_button("Create the team", type="primary", on_click=create)


@signed_in
def create() -> None:
    """Callback: begin the team named in the form."""
    name = st.session_state.get("teams.new.name")
    if name is None:
        return

    def make(user: str) -> None:
        workbench().teams.create_team(user, name)
        st.session_state["teams.new.name"] = ""

    attempt(make, "The team is there. Invite somebody.")


show_page()
