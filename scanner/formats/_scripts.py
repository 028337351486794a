"""Names by which interpreters, compilers and shells take text for a program."""

from __future__ import annotations

_BY_SUFFIX = {
    "shell": "sh bash zsh ksh csh fish command envrc bashrc zshrc profile bash_profile bash_login"
    " bash_logout zprofile zshenv zlogin xprofile xinitrc xsession",
    "powershell": "ps1 psm1 psd1",
    "batch": "bat cmd vbs vbe wsf hta reg",
    "javascript": "js mjs cjs jsx ts tsx",
    "script": "rb pl pm php phtml lua jl r tcl groovy scpt applescript ipy desktop"
    " awk expect ahk vim vimrc gdbinit lldbinit nix service jnlp url sct",
    "source": "c cc cpp cxx h hpp cu cuh cl pyx pxd go rs java kt scala swift cs",
    "build-script": "mk cmake dockerfile containerfile jenkinsfile makefile gradle"
    " smk nf bzl bazel",
}
_LANGUAGES = {
    suffix: language for language, suffixes in _BY_SUFFIX.items() for suffix in suffixes.split()
}
_WHOLE = {
    "makefile": "build-script", "gnumakefile": "build-script", "dockerfile": "build-script",
    "containerfile": "build-script", "jenkinsfile": "build-script", "rakefile": "build-script",
    "gemfile": "build-script", "justfile": "build-script", "procfile": "build-script",
    "cmakelists.txt": "build-script", "vagrantfile": "build-script", "brewfile": "build-script",
    "snakefile": "build-script", "sconstruct": "build-script", "crontab": "script",
    "autorun.inf": "script",
}  # fmt: skip


def language_by_name(name: str) -> str:
    """Which language the name of a text promises, `` for none."""
    base = name.replace("\\", "/").rpartition("/")[2].lower().rstrip(". ")
    return _WHOLE.get(base) or _LANGUAGES.get(base.rpartition(".")[2] if "." in base else "", "")
