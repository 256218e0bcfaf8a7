"""What people take away: exports, reports, their charts. Heavy imports are lazy: the daemon never pays for them."""
