"""What `whelm.build.report` is made of; see the README beside this file."""
