"""Who is it? OpenID Connect with proof, local accounts, and the sessions that follow."""
