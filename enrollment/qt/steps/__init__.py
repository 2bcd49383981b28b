"""One page for each step of an enrolment; each shows a draft and writes into it, nothing else."""
